//! A directory handle through which no link is followed.
