/* Runs a program and counts the calls by which it changes a file system; one of them is where it is killed, or fails.
 *
 *   faults MODE AT LOG PROGRAM [ARGUMENT]...
 *
 * MODE is `kill` (SIGKILL instead of call number AT, counted from 0), `torn` (AT writes half of what it should, then
 * SIGKILL), `once` (that call alone fails with EIO), `dead` (it and all after it fail with EIO) or `full` (from it on,
 * whatever needs space fails with ENOSPC, a write after half of it) or `meddle` (before it, the shell command in MEDDLE is
 * run, as somebody else would at that moment). A line for each call goes to LOG: `write`, `sync`
 * or `rename` and the path, `unlink` and the last name, or `other`. Children count too. Only system calls are looked at, so nothing can pass beside it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a call does to a file system. OPEN and its like only where the flags say so, WRITE only to regular files. */
enum kind { OPEN, OPENAT, OPENAT2, WRITE, MAKE, SYNC, RENAME, RENAMEAT, UNLINKAT, OTHER };

static const struct { long number; enum kind kind; } calls[] = {
#ifdef SYS_open
    { SYS_open, OPEN }, { SYS_creat, MAKE }, { SYS_mkdir, MAKE }, { SYS_rename, RENAME }, { SYS_unlink, OTHER },
    { SYS_rmdir, OTHER }, { SYS_link, MAKE }, { SYS_symlink, MAKE }, { SYS_chmod, OTHER },
#endif
#ifdef SYS_renameat
    { SYS_renameat, RENAMEAT },
#endif
    { SYS_openat, OPENAT }, { SYS_openat2, OPENAT2 }, { SYS_write, WRITE }, { SYS_pwrite64, WRITE }, { SYS_writev, WRITE },
    { SYS_copy_file_range, MAKE }, { SYS_mkdirat, MAKE }, { SYS_linkat, MAKE }, { SYS_symlinkat, MAKE },
    { SYS_renameat2, RENAMEAT }, { SYS_unlinkat, UNLINKAT }, { SYS_fchmod, OTHER }, { SYS_fchmodat, OTHER },
    { SYS_ftruncate, OTHER }, { SYS_fallocate, MAKE }, { SYS_fsync, SYNC }, { SYS_fdatasync, SYNC }, { SYS_syncfs, OTHER },
    { SYS_utimensat, OTHER },
};
enum { CALLS = sizeof calls / sizeof *calls, MOST = 4096 };

static pid_t known[MOST];
static int known_count;

static void fail(const char *what) {
    perror(what);
    exit(99);
}

static void remember(pid_t pid) {
    for (int i = 0; i < known_count; i++)
        if (known[i] == pid) return;
    if (known_count < MOST) known[known_count++] = pid;
}

/* Asks the kernel to stop us at these calls alone. */
static void install_filter(void) {
    struct sock_filter code[CALLS + 3];
    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < CALLS; i++)
        code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number, CALLS - i, 0);
    code[CALLS + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[CALLS + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
    struct sock_fprog program = { CALLS + 3, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("seccomp");
}

/* The path behind a number that the process has for it. */
static void path_of(pid_t pid, int number, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", pid, number);
    ssize_t length = readlink(link, path, size - 1);
    path[length < 0 ? 0 : length] = 0;
}

/* A text in the memory of the process; it may end where a page does. */
static void text_at(pid_t pid, unsigned long long place, char *text, size_t size) {
    for (size_t at = 0; at < size; at++) {
        struct iovec here = { text + at, 1 }, there = { (void *)(unsigned long)(place + at), 1 };
        if (process_vm_readv(pid, &here, 1, &there, 1, 0) != 1) text[at] = 0;
        if (!text[at]) return;
    }
    text[size - 1] = 0;
}

/* Writes down what the call does, for whoever asks in which order things happen. */
static void note(FILE *log, pid_t pid, enum kind kind, const unsigned long long *args) {
    static char path[4096];
    const char *what = "other";
    path[0] = 0;
    if (kind == WRITE || kind == SYNC) {
        what = kind == WRITE ? "write" : "sync";
        path_of(pid, (int)args[0], path, sizeof path);
    } else if (kind == RENAME || kind == RENAMEAT) {
        what = "rename";
        text_at(pid, args[kind == RENAME ? 1 : 3], path, sizeof path);
    } else if (kind == UNLINKAT) {
        what = "unlink";
        text_at(pid, args[1], path, sizeof path);
    }
    fprintf(log, "%s %s\n", what, path);
}

/* Whether the call in which `pid` stands changes a file system, and what kind of call that is. */
static int changes(pid_t pid, enum kind *kind, unsigned long long *args) {
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0) return 0;
    int i = 0;
    while (i < CALLS && calls[i].number != (long)info.seccomp.nr) i++;
    if (i == CALLS) return 0;
    unsigned long long flags = 0;
    char path[64];
    struct stat found;
    *kind = calls[i].kind;
    for (int number = 0; number < 6; number++) args[number] = info.seccomp.args[number];
    switch (*kind) {
    case OPEN: flags = info.seccomp.args[1]; break;
    case OPENAT: flags = info.seccomp.args[2]; break;
    case OPENAT2: {
        struct iovec here = { &flags, sizeof flags }, there = { (void *)(unsigned long)info.seccomp.args[2], sizeof flags };
        if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 0) return 0;
        break;
    }
    case WRITE:
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, (int)info.seccomp.args[0]);
        return stat(path, &found) == 0 && S_ISREG(found.st_mode);
    default: return 1;
    }
    return (flags & (O_CREAT | O_TRUNC)) != 0;
}

/* Makes the call fail without being carried out. */
static void refuse(pid_t pid, int error) {
#if defined(__x86_64__)
    if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1L)
        || ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), (long)-error)) fail("registers");
#elif defined(__aarch64__)
    struct user_regs_struct registers;
    int none = -1;
    struct iovec all = { &registers, sizeof registers }, number = { &none, sizeof none };
    if (ptrace(PTRACE_GETREGSET, pid, 1 /* NT_PRSTATUS */, &all)) fail("registers");
    registers.regs[0] = (unsigned long)-(long)error;
    if (ptrace(PTRACE_SETREGSET, pid, 1, &all) || ptrace(PTRACE_SETREGSET, pid, 0x404 /* NT_ARM_SYSTEM_CALL */, &number))
        fail("registers");
#else
#error "only x86-64 and arm64"
#endif
}

/* Makes a write take less than it was given. */
static void shorten(pid_t pid, unsigned long long length) {
#if defined(__x86_64__)
    if (ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rdx), (long)length)) fail("registers");
#else
    struct user_regs_struct registers;
    struct iovec all = { &registers, sizeof registers };
    if (ptrace(PTRACE_GETREGSET, pid, 1, &all)) fail("registers");
    registers.regs[2] = length;
    if (ptrace(PTRACE_SETREGSET, pid, 1, &all)) fail("registers");
#endif
}

static void kill_all(void) {
    for (int i = 0; i < known_count; i++) kill(known[i], SIGKILL);
    while (waitpid(-1, NULL, __WALL) > 0) {}
}

int main(int argc, char **argv) {
    if (argc < 5) return 98;
    const char *mode = argv[1];
    long at = atol(argv[2]), count = 0;
    FILE *file = fopen(argv[3], "we");
    if (!file) fail(argv[3]);
    pid_t child = fork();
    if (child < 0) fail("fork");
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        install_filter();
        execvp(argv[4], argv + 4);
        fail(argv[4]);
    }
    int status, code = 0;
    remember(child);
    if (waitpid(child, &status, 0) < 0) fail("waitpid");
    long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK;
    if (ptrace(PTRACE_SETOPTIONS, child, 0, options) || ptrace(PTRACE_CONT, child, 0, 0)) fail("ptrace");
    for (;;) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid < 0) break;
        if (!WIFSTOPPED(status)) {
            if (pid != child) continue;
            code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            break;
        }
        remember(pid);
        int signal = WSTOPSIG(status);
        enum kind kind;
        unsigned long long args[6];
        if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8)) && changes(pid, &kind, args)) {
            long now = count++;
            note(file, pid, kind, args);
            if (now == at && !strcmp(mode, "meddle") && (!getenv("MEDDLE") || system(getenv("MEDDLE")) != 0)) fail("MEDDLE");
            if ((now == at && !strcmp(mode, "kill")) || (now == at + 1 && !strcmp(mode, "torn"))) {
                code = 128 + SIGKILL;
                break;
            }
            int full = !strcmp(mode, "full"), halves = now == at && kind == WRITE && args[2] > 1;
            if ((full || !strcmp(mode, "torn")) && halves) shorten(pid, args[2] / 2);
            else if (full && now >= at && kind <= MAKE) refuse(pid, ENOSPC);
            if ((now == at && !strcmp(mode, "once")) || (now >= at && !strcmp(mode, "dead"))) refuse(pid, EIO);
        }
        /* Stops of our own making are not passed on as signals. */
        ptrace(PTRACE_CONT, pid, 0, signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
    }
    kill_all();
    if (ferror(file) || fclose(file)) fail(argv[3]);
    return code;
}
