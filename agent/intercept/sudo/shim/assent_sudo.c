/*
 * The sudo plugin of Assent: two plugins in one file, and nothing that decides.
 *
 * assent_audit's open() runs before sudo reads sudoers. It hands what was typed
 * to the agent over a socket, shows what the agent says, passes answers on, and
 * waits. assent_approval's check() runs after sudoers has allowed something and
 * hands the agent what will really run. Everything else is in the agent.
 *
 *   Plugin assent_audit    /usr/libexec/assent/assent_sudo.so socket=PATH
 *   Plugin assent_approval /usr/libexec/assent/assent_sudo.so socket=PATH
 *
 * Frames, both ways: type (1 byte), length (4 bytes, little endian), bytes.
 *   to the agent: K stage  O optind  s settings  u user_info  a argv  e env
 *                 c command_info  r run_argv  v run_env  E end
 *                 R reply to a prompt  X withdrawn with Ctrl-C  B left waiting
 *   from it:      H heartbeat  T text for the terminal  M text for stderr
 *                 P prompt  L what to say if you are lost from here on
 *                 B the key b may leave it waiting (only to who said "keys=true")
 *                 A allow, with "own" when the person has the right without us
 *                 D deny, with text
 *
 * An agent that does not answer takes no rights away: the audit stage lets
 * sudoers decide alone, and the approval stage then allows unless a rule that
 * the agent made for this user is still there, or the folder of rules was
 * changed since the audit stage: a rule for another sudo of theirs may have been
 * there and gone, and whoever runs sudo can make the agent hang up on it, by a
 * call that is too large or by stopping it. Who was let on by the agent without
 * a right of their own does not start without its check at all. open() never
 * returns 0: sudo would go on without the plugin.
 */
#define _GNU_SOURCE
#include <sudo_plugin.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define RULES "/etc/sudoers.d"
#define FIRST_MS 2000   /* for connecting, sending, and the agent's first frame */
#define SILENCE_MS 5000 /* between two frames after that */
#define MAX_TEXT 8192   /* the longest frame from the agent */

#define PUBLIC __attribute__((visibility("default")))
#define UNUSED __attribute__((unused))

enum answer { ALLOW = 1, DENY = 0, LOST = -1, KEPT = -2, WITHDRAWN = -3, LEFT = -4 };

static sudo_conv_t converse_with;
static sudo_printf_t print;
static char * const *settings, * const *user_info, * const *argv, * const *envp;
static int optind_at;
static char socket_path[sizeof(((struct sockaddr_un *)0)->sun_path)];
static int agent_lost; /* the audit stage found no agent */
static int must_check; /* it found one, which did not say that the right is their own */
static struct stat rules; /* the folder of rules when this sudo began; all zero = there was none */
static const char *uid = ""; /* of the person, in decimal; getuid() changes while sudo works */

/* ---- time, signals, bytes ---- */

static long now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000L + t.tv_nsec / 1000000L;
}

#include "keys.h"

static volatile sig_atomic_t caught, stop_wanted;
static void on_stop(int n UNUSED) { stop_wanted = 1; }
static void on_signal(int n) { caught = n; }
static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
#define NSIGNALS (sizeof signals / sizeof signals[0])

static sigset_t before; /* the mask outside of an exchange */

/* During an exchange the signals are blocked and only let through while it
 * waits, so that none falls between looking and waiting: sudo's own handlers
 * merely note them. What comes after the last wait is sudo's again. */
static void hold_signals(void) {
    sigset_t block;
    sigemptyset(&block);
    for (size_t i = 0; i < NSIGNALS; i++) sigaddset(&block, signals[i]);
    sigaddset(&block, SIGTSTP);
    sigprocmask(SIG_BLOCK, &block, &before);
}

static void release_signals(void) { sigprocmask(SIG_SETMASK, &before, NULL); }

/* Stops as Ctrl-Z wants it, with the terminal as it was; returns when continued. */
static void stop_here(void) {
    struct sigaction plain = {.sa_handler = SIG_DFL}, old;
    sigset_t let;
    stop_wanted = 0;
    keys_pause();
    keys.n = 0;
    sigemptyset(&let);
    sigaddset(&let, SIGTSTP);
    sigaction(SIGTSTP, &plain, &old);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &let, NULL); /* here it stops */
    sigprocmask(SIG_BLOCK, &let, NULL);
    sigaction(SIGTSTP, &old, NULL);
}

/* Waits until fd is ready. Returns 1 when it is, 0 when the time is over or the
 * descriptor failed, -1 when a signal came, -2 when b was typed. */
static int ready(int fd, short what, long until) {
    struct sigaction ours, old[NSIGNALS], stop = {.sa_handler = on_stop}, old_stop;
    sigset_t during = before;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = on_signal;
    sigemptyset(&ours.sa_mask);
    for (size_t i = 0; i < NSIGNALS; i++) {
        sigaction(signals[i], &ours, &old[i]);
        /* What the caller ignores stays ignored: nohup sudo. */
        if (old[i].sa_handler == SIG_IGN) sigaction(signals[i], &old[i], NULL);
        else sigdelset(&during, signals[i]);
    }
    sigaction(SIGTSTP, NULL, &old_stop);
    if (keys.armed && old_stop.sa_handler != SIG_IGN) sigaction(SIGTSTP, &stop, NULL);
    sigdelset(&during, SIGTSTP);
    int result = 0;
    for (;;) {
        keys_watch();
        long left = until - now_ms();
        if (left < 0) left = 0;
        struct timespec t = {.tv_sec = left / 1000, .tv_nsec = (left % 1000) * 1000000L};
        struct pollfd p[2] = {{.fd = fd, .events = what}, {.fd = keys.on && keys.armed ? keys.fd : -1, .events = POLLIN}};
        int n = ppoll(p, 2, &t, &during);
        if (n < 0 && errno == EINTR) {
            if (caught) { result = -1; break; }
            if (stop_wanted) stop_here();
            continue; /* SIGCHLD, SIGWINCH, a stop and a continue */
        }
        if (n > 0 && p[1].revents && keys_read(now_ms())) { result = -2; break; }
        if (n > 0 && !p[0].revents) continue;
        result = n > 0;
        break;
    }
    sigaction(SIGTSTP, &old_stop, NULL);
    for (size_t i = 0; i < NSIGNALS; i++) sigaction(signals[i], &old[i], NULL);
    return result;
}

static int put(int fd, const void *bytes, size_t n, long until) {
    const char *p = bytes;
    while (n) {
        ssize_t w = send(fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (w > 0) { p += w; n -= (size_t)w; continue; }
        if (w < 0 && errno == EINTR) continue;
        if (w < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            int r = ready(fd, POLLOUT, until);
            if (r == 1) continue;
            return r == 0 ? LOST : r == -2 ? LEFT : WITHDRAWN;
        }
        return LOST;
    }
    return 0;
}

static int get(int fd, void *bytes, size_t n, long until) {
    char *p = bytes;
    while (n) {
        int r = ready(fd, POLLIN, until);
        if (r != 1) return r == 0 ? LOST : r == -2 ? LEFT : WITHDRAWN;
        ssize_t got = recv(fd, p, n, MSG_DONTWAIT);
        if (got > 0) { p += got; n -= (size_t)got; continue; }
        if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) continue;
        return LOST;
    }
    return 0;
}

static int put_frame(int fd, char type, const char *s, size_t n, long until) {
    unsigned char head[5] = {(unsigned char)type, n & 255, n >> 8 & 255, n >> 16 & 255, n >> 24 & 255};
    int r = put(fd, head, sizeof head, until);
    return r || n == 0 ? r : put(fd, s, n, until);
}

static int put_text(int fd, char type, const char *s, long until) {
    return put_frame(fd, type, s, strlen(s), until);
}

static int put_list(int fd, char type, char * const *list, long until) {
    int r = 0;
    for (; list && *list && !r; list++) r = put_text(fd, type, *list, until);
    return r;
}

/* The agent needs these of the caller's environment and nothing else. */
static int put_env(int fd, long until) {
    static const char *const names[] = {"ASSENT_REASON=", "ASSENT_TICKET=", "ASSENT_QR=", "SHELL=", "PATH="};
    int r = 0;
    for (char * const *e = envp; e && *e && !r; e++)
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
            if (!strncmp(*e, names[i], strlen(names[i]))) r = put_text(fd, 'e', *e, until);
    return r;
}

/* ---- the agent ---- */

/* A full queue of a stopped agent must not block: connecting is retried until
 * the time is over. Whoever listens must be root. */
static int dial(long until) {
    struct sockaddr_un a;
    memset(&a, 0, sizeof a);
    a.sun_family = AF_UNIX;
    if (socket_path[0] != '/') return -1;
    memcpy(a.sun_path, socket_path, sizeof a.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    while (connect(fd, (struct sockaddr *)&a, sizeof a)) {
        struct timespec pause = {.tv_nsec = 50000000L};
        if ((errno != EAGAIN && errno != EINTR) || now_ms() > until) { close(fd); return -1; }
        nanosleep(&pause, NULL);
    }
    struct ucred peer;
    socklen_t n = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) || peer.uid != 0) { close(fd); return -1; }
    return fd;
}

static int prompt(int fd, int echo, const char *text) {
    struct sudo_conv_message m = {.msg_type = echo | SUDO_CONV_PREFER_TTY, .msg = text};
    struct sudo_conv_reply reply = {0};
    sigset_t waiting;
    sigpending(&waiting);
    for (size_t i = 0; i < NSIGNALS; i++)
        if (sigismember(&waiting, signals[i])) { caught = signals[i]; return WITHDRAWN; }
    keys_pause();
    release_signals(); /* while it reads the terminal, sudo handles them itself */
    int ok = converse_with(1, &m, &reply, NULL);
    hold_signals();
    if (ok < 0 || !reply.reply) { free(reply.reply); return WITHDRAWN; }
    int r = put_text(fd, 'R', reply.reply, now_ms() + FIRST_MS);
    explicit_bzero(reply.reply, strlen(reply.reply));
    free(reply.reply);
    return r;
}

/* Withdrawn by Ctrl-C: the agent is told. A terminal that went away (SIGHUP) is
 * not a withdrawal; the agent then keeps the request, and nobody is there to be
 * told anything. */
static int withdraw(int fd) {
    int gone = caught == SIGHUP;
    caught = 0;
    if (gone) return DENY;
    put_text(fd, 'X', "", now_ms() + FIRST_MS);
    return WITHDRAWN;
}

/* Left waiting with b: the agent keeps the request, and goes on alone. */
static int leave(int fd, const char *kept) {
    keys.armed = 0; /* the frame is sent whatever is typed now */
    put_text(fd, 'B', "", now_ms() + FIRST_MS);
    print(SUDO_CONV_ERROR_MSG, "%s", kept);
    return KEPT;
}

/* Shows and answers what the agent says until it has decided. */
static int talk(int fd, long until) {
    static char text[MAX_TEXT + 1], kept[MAX_TEXT + 1];
    int r;
    kept[0] = 0;
    for (;;) {
        unsigned char h[5];
        uint32_t n = 0;
        r = get(fd, h, sizeof h, until);
        if (!r) {
            n = h[1] | (uint32_t)h[2] << 8 | (uint32_t)h[3] << 16 | (uint32_t)h[4] << 24;
            r = n > MAX_TEXT ? LOST : get(fd, text, n, until);
        }
        if (r == WITHDRAWN) return withdraw(fd);
        if (r == LEFT) return leave(fd, kept);
        if (r) {
            if (!kept[0]) return LOST;
            print(SUDO_CONV_ERROR_MSG, "%s", kept);
            return KEPT;
        }
        text[n] = 0;
        switch (h[0]) {
        case 'H': break;
        case 'T': print(SUDO_CONV_ERROR_MSG | SUDO_CONV_PREFER_TTY, "%s", text); break;
        case 'M': print(SUDO_CONV_ERROR_MSG, "%s", text); break;
        case 'L': memcpy(kept, text, n + 1); break;
        case 'B': keys.armed = kept[0] != 0; break;
        case 'P':
        case 'S': /* not shown while it is typed */
            r = prompt(fd, h[0] == 'S' ? SUDO_CONV_PROMPT_ECHO_OFF : SUDO_CONV_PROMPT_ECHO_ON, text);
            if (r == WITHDRAWN) return withdraw(fd);
            if (r == LEFT) return leave(fd, kept);
            if (r) return kept[0] ? (print(SUDO_CONV_ERROR_MSG, "%s", kept), KEPT) : LOST;
            break;
        case 'A': must_check = strcmp(text, "own") != 0; return ALLOW;
        case 'D': print(SUDO_CONV_ERROR_MSG, "%s", text); return DENY;
        default: return LOST;
        }
        until = now_ms() + SILENCE_MS;
    }
}

/* One exchange. check is 0 in the audit stage. */
static int exchange(int check, char * const *command_info, char * const *run_argv, char * const *run_envp) {
    char number[16];
    long until = now_ms() + FIRST_MS;
    int fd = dial(until);
    if (fd < 0) return LOST;
    snprintf(number, sizeof number, "%d", optind_at);
    int r = put_text(fd, 'K', check ? "check 1" : "open 1", until);
    if (!r) r = put_text(fd, 'O', number, until);
    if (!r) r = put_list(fd, 's', settings, until);
    if (!r && !check && keys_open()) r = put_text(fd, 's', "keys=true", until);
    if (!r) r = put_list(fd, 'u', user_info, until);
    if (!r) r = put_env(fd, until);
    if (!r && !check) r = put_list(fd, 'a', argv, until);
    if (!r && check) r = put_list(fd, 'c', command_info, until);
    if (!r && check) r = put_list(fd, 'r', run_argv, until);
    if (!r && check) r = put_list(fd, 'v', run_envp, until);
    if (!r) r = put_text(fd, 'E', "", until);
    r = r == WITHDRAWN ? withdraw(fd) : r ? LOST : talk(fd, until);
    keys_close(r == WITHDRAWN);
    close(fd);
    return r;
}

static int ask(int check, char * const *command_info, char * const *run_argv, char * const *run_envp) {
    hold_signals();
    int r = exchange(check, command_info, run_argv, run_envp);
    release_signals();
    return r;
}

/* ---- what both plugins share ---- */

static int start(unsigned version, sudo_conv_t c, sudo_printf_t p, char * const s[], char * const u[], int at,
                 char * const av[], char * const ev[], char * const options[]) {
    if (SUDO_API_VERSION_GET_MAJOR(version) != SUDO_API_VERSION_MAJOR) return -1;
    converse_with = c; print = p; settings = s; user_info = u; optind_at = at; argv = av; envp = ev;
    for (char * const *i = user_info; i && *i; i++)
        if (!strncmp(*i, "uid=", 4)) uid = *i + 4;
    for (char * const *o = options; o && *o; o++)
        if (!strncmp(*o, "socket=", 7) && strlen(*o + 7) < sizeof socket_path) {
            memset(socket_path, 0, sizeof socket_path);
            memcpy(socket_path, *o + 7, strlen(*o + 7));
        }
    return 1;
}

static int is_root(void) { return !strcmp(uid, "0"); }

/* A rule of the agent for this user may be what sudoers has just followed. What
 * can not be looked at counts as one. */
static int rule_left(void) {
    char prefix[48];
    int found = 0;
    snprintf(prefix, sizeof prefix, "zz-assent-%s-", uid);
    DIR *d = opendir(RULES);
    if (!d) return errno != ENOENT;
    for (struct dirent *e; (e = readdir(d));)
        if (!strncmp(e->d_name, prefix, strlen(prefix))) found = 1;
    closedir(d);
    return found;
}

static struct stat look_at_rules(void) {
    struct stat s;
    if (stat(RULES, &s)) memset(&s, 0, sizeof s);
    return s;
}

/* Every rule that comes or goes changes the folder. Only looked at after
 * rule_left(), so that a rule which goes in between is noticed. */
static int rules_changed(void) {
    struct stat now = look_at_rules();
    return now.st_dev != rules.st_dev || now.st_ino != rules.st_ino || now.st_ctim.tv_sec != rules.st_ctim.tv_sec ||
           now.st_ctim.tv_nsec != rules.st_ctim.tv_nsec;
}

/* ---- audit: before sudoers ---- */

static int audit_open(unsigned version, sudo_conv_t c, sudo_printf_t p, char * const s[], char * const u[], int at,
                      char * const av[], char * const ev[], char * const options[], const char **why UNUSED) {
    if (start(version, c, p, s, u, at, av, ev, options) != 1) return -1;
    if (is_root()) return 1; /* root needs nobody's leave; also the agent's own questions to sudo */
    rules = look_at_rules();
    switch (ask(0, NULL, NULL, NULL)) {
    case ALLOW: return 1;
    case LOST: agent_lost = 1; return 1; /* nothing was granted: sudoers decides as without us */
    case WITHDRAWN: print(SUDO_CONV_ERROR_MSG, "\nwithdrawn\n"); break;
    default: break;
    }
    exit(1); /* returning -1 would add an error of sudo's own, 0 would disable the plugin */
}

static void audit_close(int type UNUSED, int status UNUSED) {}

static int audit_accept(const char *n UNUSED, unsigned t UNUSED, char * const ci[] UNUSED, char * const ra[] UNUSED,
                        char * const re[] UNUSED, const char **why UNUSED) { return 1; }

/* Whoever is refused while there was no agent is told that asking was not possible. */
static void tell_lost(void) {
    if (agent_lost)
        print(SUDO_CONV_ERROR_MSG, "error: the Assent agent does not answer, so nothing could be requested\n"
                                   "hint: try again shortly; `assent status` tells more\n");
    agent_lost = 0;
}

static int audit_reject(const char *n UNUSED, unsigned t UNUSED, const char *m UNUSED, char * const ci[] UNUSED,
                        const char **why UNUSED) { tell_lost(); return 1; }

static int audit_error(const char *n UNUSED, unsigned t UNUSED, const char *m UNUSED, char * const ci[] UNUSED,
                       const char **why UNUSED) { tell_lost(); return 1; }

PUBLIC struct audit_plugin assent_audit = {
    .type = SUDO_AUDIT_PLUGIN, .version = SUDO_API_VERSION, .open = audit_open, .close = audit_close,
    .accept = audit_accept, .reject = audit_reject, .error = audit_error,
};

/* ---- approval: after sudoers ---- */

static int approval_open(unsigned version, sudo_conv_t c, sudo_printf_t p, char * const s[], char * const u[], int at,
                         char * const av[], char * const ev[], char * const options[], const char **why UNUSED) {
    return start(version, c, p, s, u, at, av, ev, options) == 1 ? 1 : -1;
}

static int approval_check(char * const ci[], char * const ra[], char * const re[], const char **why UNUSED) {
    if (is_root()) return 1;
    switch (ask(1, ci, ra, re)) {
    case ALLOW: return 1;
    case LOST:
        if (!must_check && !rule_left() && !rules_changed()) return 1; /* sudoers has said yes without any help of ours */
        print(SUDO_CONV_ERROR_MSG, "error: the Assent agent does not answer, so nobody can tell that this was approved\n"
                                   "hint: run the same command again shortly\n");
        return 0;
    case WITHDRAWN: print(SUDO_CONV_ERROR_MSG, "\nwithdrawn\n"); return 0;
    default: return 0;
    }
}

PUBLIC struct approval_plugin assent_approval = {
    .type = SUDO_APPROVAL_PLUGIN, .version = SUDO_API_VERSION, .open = approval_open, .check = approval_check,
};
