//! Reading objects of repositories that may be damaged or hostile.
//!
//! libgit2 1.9 reads on for ever in an object that lies in a file of its own and was cut off there, as a power cut does
//! it. So such files are read here; what lies in packs, libgit2 reads.

use std::cell::Cell;
use std::fs::File;
use std::io::Read as _;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{Error, ErrorClass, ErrorCode, ObjectType, Odb, Oid, Repository};
use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit};

/// The longest beginning of an object that tells its type and size.
const MAX_HEADER: usize = 32;

/// The objects of a repository.
pub(super) struct Objects<'r> {
    odb: Odb<'r>,
    folder: PathBuf,
    /// Which of the directories `00` to `ff` hold files, where that was asked once for many objects.
    fans: Option<&'r Fans>,
}

/// The directories of objects in files of their own: where all lie in packs there are none.
pub(super) struct Fans([bool; 256]);

impl Fans {
    pub(super) fn of(repository: &Repository) -> Self {
        let folder = repository.commondir().join("objects");
        Self(std::array::from_fn(|fan| folder.join(format!("{fan:02x}")).is_dir()))
    }
}

impl<'r> Objects<'r> {
    pub(super) fn of(repository: &'r Repository) -> Result<Self, Error> {
        Ok(Self { odb: repository.odb()?, folder: repository.commondir().join("objects"), fans: None })
    }

    /// The same for a repository to which nothing is added meanwhile.
    pub(super) fn with(repository: &'r Repository, fans: &'r Fans) -> Result<Self, Error> {
        Ok(Self { fans: Some(fans), ..Self::of(repository)? })
    }

    /// libgit2's own view, to ask what is there.
    pub(super) const fn odb(&self) -> &Odb<'r> {
        &self.odb
    }

    /// The size and type of an object, as its header says: asked before the object, which may be far larger than its pack.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn header(&self, oid: Oid) -> Result<(usize, ObjectType), Error> {
        match self.loose(oid)? {
            None => header_in_pack(&self.odb, oid),
            Some(file) => Loose::header(file).map(|(_, size, kind)| (size, kind)),
        }
    }

    /// The bytes of an object whose size was found to be harmless, and its type.
    ///
    /// # Errors
    /// What is wrong with it; also content that is not what the name says.
    pub(super) fn read(&self, oid: Oid) -> Result<(ObjectType, Vec<u8>), Error> {
        let Some(file) = self.loose(oid)? else {
            // libgit2 holds the content against the name by itself (GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION).
            let object = self.odb.read(oid)?;
            return Ok((object.kind(), object.data().to_vec()));
        };
        let (kind, bytes) = Loose::read(file)?;
        if Oid::hash_object(kind, &bytes)? == oid { Ok((kind, bytes)) } else { Err(damaged("its content is another")) }
    }

    /// The file of an object that lies in one of its own.
    fn loose(&self, oid: Oid) -> Result<Option<File>, Error> {
        if self.fans.is_some_and(|fans| !fans.0[usize::from(oid.as_bytes()[0])]) {
            return Ok(None);
        }
        let name = oid.to_string();
        let path = self.folder.join(&name[..2]).join(&name[2..]);
        if !path.is_file() {
            return Ok(None);
        }
        File::open(path).map(Some).map_err(|error| damaged(&error.to_string()))
    }
}

fn damaged(why: &str) -> Error {
    Error::new(ErrorCode::GenericError, ErrorClass::Odb, why)
}

/// An object in a file of its own: `TYPE SIZE`, a zero byte and the content, deflated.
struct Loose;

impl Loose {
    /// Where the content begins, its size and type.
    fn header(file: File) -> Result<(usize, usize, ObjectType), Error> {
        let mut deflated = Vec::new();
        file.take(4096).read_to_end(&mut deflated).map_err(|error| damaged(&error.to_string()))?;
        let beginning = decompress_to_vec_zlib_with_limit(&deflated, MAX_HEADER).unwrap_or_else(|stopped| stopped.output);
        let parsed = || {
            let end = memchr::memchr(0, &beginning)?;
            let (kind, size) = std::str::from_utf8(&beginning[..end]).ok()?.split_once(' ')?;
            Some((end + 1, size.parse().ok()?, ObjectType::from_str(kind)?))
        };
        parsed().ok_or_else(|| damaged("its file is damaged"))
    }

    fn read(mut file: File) -> Result<(ObjectType, Vec<u8>), Error> {
        let clone = file.try_clone().map_err(|error| damaged(&error.to_string()))?;
        let (start, size, kind) = Self::header(clone)?;
        let mut deflated = Vec::new();
        let rewound = std::io::Seek::rewind(&mut file).and_then(|()| file.read_to_end(&mut deflated));
        rewound.map_err(|error| damaged(&error.to_string()))?;
        match decompress_to_vec_zlib_with_limit(&deflated, start + size) {
            Ok(mut bytes) if bytes.len() == start + size => Ok((kind, bytes.split_off(start))),
            Err(stopped) if stopped.status == TINFLStatus::FailedCannotMakeProgress => Err(damaged("its file was cut off")),
            _ => Err(damaged("its file is damaged")),
        }
    }
}

thread_local! {
    /// Whether a panic of this thread is expected, and not worth a word.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Of an object of no known type git2 0.21 panics (`ObjectType::from_raw`).
fn header_in_pack(odb: &Odb<'_>, oid: Oid) -> Result<(usize, ObjectType), Error> {
    static ONCE: Once = Once::new();
    // The hook is the whole program's, and other threads read objects, too.
    ONCE.call_once(|| {
        let hook = take_hook();
        set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                hook(panic);
            }
        }));
    });
    EXPECTED.set(true);
    let read = catch_unwind(AssertUnwindSafe(|| odb.read_header(oid)));
    EXPECTED.set(false);
    read.unwrap_or_else(|_| Err(damaged("it has no known type")))
}

/// A pack of a repository that is not whole or has no whole index, as far as their beginnings and ends tell.
pub(super) fn torn_pack(repository: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(repository.join("objects/pack")).ok()?;
    let mut packs = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|found| found == "pack"));
    packs.find(|pack| !is_whole(pack).unwrap_or(false))
}

/// An index ends in the digest in which its pack ends, and its own.
fn is_whole(pack: &Path) -> std::io::Result<bool> {
    let index = std::fs::read(pack.with_extension("idx"))?;
    let mut file = File::open(pack)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(-20))?;
    let mut end = [0; 20];
    file.read_exact(&mut end)?;
    let promised = index.len().checked_sub(40).and_then(|from| index.get(from..from + 20));
    Ok(index.starts_with(b"\xfftOc") && promised == Some(end.as_slice()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_object_in_a_file_of_its_own_is_read_or_named_as_damaged_wherever_it_is_cut() {
        let dir = tempfile::tempdir().expect("a directory");
        let repository = Repository::init_bare(dir.path()).expect("made");
        let text = "content that is not all alike 0123456789\n".repeat(20);
        let oid = repository.blob(text.as_bytes()).expect("written");
        let objects = Objects::of(&repository).expect("opened");
        assert_eq!(objects.header(oid).expect("whole"), (text.len(), ObjectType::Blob));
        assert_eq!(objects.read(oid).expect("whole"), (ObjectType::Blob, text.into_bytes()));
        let name = oid.to_string();
        let path = dir.path().join("objects").join(&name[..2]).join(&name[2..]);
        let whole = fs::read(&path).expect("there");
        fs::remove_file(&path).expect("removed");
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("written");
            objects.read(oid).expect_err("cut off");
        }
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] = !flipped[at];
            fs::write(&path, &flipped).expect("written");
            // zlib tells nothing of its level by which content would change.
            assert!(at == 1 || objects.read(oid).is_err(), "{at}");
        }
        fs::write(&path, &whole).expect("written");
        assert!(objects.read(Oid::ZERO_SHA1).is_err() && objects.header(Oid::ZERO_SHA1).is_err());
    }

    #[test]
    fn content_in_a_pack_under_another_name_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let repository = Repository::init_bare(dir.path()).expect("made");
        let oid = repository.blob(b"content\n").expect("written");
        let mut builder = repository.packbuilder().expect("a builder");
        builder.insert_object(oid, None).expect("packed");
        builder.write(&dir.path().join("objects/pack"), 0o644).expect("written");
        fs::remove_dir_all(dir.path().join("objects").join(&oid.to_string()[..2])).expect("removed");
        let read = |name| Objects::of(&Repository::open_bare(dir.path()).expect("opened")).expect("opened").read(name);
        assert_eq!(read(oid).expect("whole"), (ObjectType::Blob, b"content\n".to_vec()));

        let packs = fs::read_dir(dir.path().join("objects/pack")).expect("listed");
        let index = packs.map(|entry| entry.expect("listed").path()).find(|path| path.extension().is_some_and(|end| end == "idx"));
        let index = index.expect("an index");
        let mut bytes = fs::read(&index).expect("read");
        let at = memchr::memmem::find(&bytes, oid.as_bytes()).expect("named in the index");
        bytes[at + 19] ^= 1;
        let forged = Oid::from_bytes(&bytes[at..at + 20]).expect("twenty bytes");
        fs::remove_file(&index).expect("removed");
        fs::write(&index, &bytes).expect("written");
        read(forged).expect_err("its content is another");
    }
}
