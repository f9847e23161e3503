/*
 * The one key that counts while a person waits: b leaves the request waiting.
 *
 * The terminal is watched only when it can be nobody else's to read: it is the
 * controlling terminal, input and output are terminals (no program of the same
 * pipeline has it), and this process group is in its foreground. Line mode and
 * echo are off only while it is watched. They come back for every question, for a
 * stop with Ctrl-Z, for a signal that ends the process, and at the end; nothing
 * can be done about SIGKILL and SIGSTOP, where the shell restores its terminal.
 *
 * b counts when nothing else was typed within the last second. Everything else
 * that is typed is given back to the terminal at the end, in order, as if it had
 * just been typed (TIOCSTI, which kernels without it refuse: then it is lost).
 * What was typed before Ctrl-C or Ctrl-Z is dropped, as the terminal itself does.
 */
#include <sys/ioctl.h>
#include <termios.h>

#define AHEAD 4095 /* what a terminal keeps itself */
#define ALONE_MS 1000

static struct {
    int fd;       /* the terminal, -1 = not ours */
    int armed;    /* the agent lets b be pressed */
    int on;       /* the mode is changed */
    struct termios mode;
    long last;    /* when something else was typed */
    size_t n;
    char ahead[AHEAD];
} keys = {.fd = -1};

/* Signals that would end the process with the terminal in our mode. What sudo
 * catches or ignores stays sudo's. */
static const int deadly[] = {SIGPIPE, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
#define NDEADLY (sizeof deadly / sizeof deadly[0])
static struct sigaction undead[NDEADLY];

static void on_deadly(int n) {
    tcsetattr(keys.fd, TCSANOW, &keys.mode); /* SIGTTOU is blocked here */
    signal(n, SIG_DFL);
    raise(n);
}

static int keys_ours(void) { return keys.fd >= 0 && tcgetpgrp(keys.fd) == getpgrp(); }

/* Sets a mode; from the background too, where it would stop us otherwise. */
static int keys_mode(const struct termios *mode) {
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGTTOU);
    sigprocmask(SIG_BLOCK, &block, &old);
    int r = tcsetattr(keys.fd, TCSANOW, mode);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return r;
}

/* Opens the terminal; 0 = there is none of our own. */
static int keys_open(void) {
    if (keys.fd < 0 && isatty(0) && isatty(1)) keys.fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    return keys.fd >= 0;
}

/* Watches, or goes on watching, when it may. Called before every wait. */
static void keys_watch(void) {
    struct termios now;
    if (!keys.armed) return;
    if (!keys_ours() || tcgetattr(keys.fd, &now)) {
        keys.on = 0; /* the shell has the terminal, in a mode of its own */
        return;
    }
    if (!(now.c_lflag & ICANON)) return; /* it is so by us, or somebody else's */
    if (!keys.on) keys.mode = now;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO); /* Ctrl-C stays a signal */
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    if (keys_mode(&now)) return;
    if (!keys.on)
        for (size_t i = 0; i < NDEADLY; i++) {
            struct sigaction a = {.sa_handler = on_deadly};
            sigemptyset(&a.sa_mask);
            sigaddset(&a.sa_mask, SIGTTOU);
            sigaction(deadly[i], NULL, &undead[i]);
            if (undead[i].sa_handler == SIG_DFL) sigaction(deadly[i], &a, NULL);
        }
    keys.on = 1;
}

/* Gives the terminal its mode back. */
static void keys_pause(void) {
    if (!keys.on) return;
    if (keys_ours()) keys_mode(&keys.mode);
    for (size_t i = 0; i < NDEADLY; i++) sigaction(deadly[i], &undead[i], NULL);
    keys.on = 0;
}

/* Ends watching, and gives back what was typed unless it was cut off. */
static void keys_close(int cut_off) {
    keys_pause();
    for (size_t i = 0; i < keys.n && !cut_off && keys_ours(); i++)
        if (ioctl(keys.fd, TIOCSTI, &keys.ahead[i])) break;
    explicit_bzero(keys.ahead, keys.n);
    if (keys.fd >= 0) close(keys.fd);
    keys.fd = -1;
    keys.n = 0;
    keys.armed = 0;
}

/* Reads what was typed. Returns 1 when it was the key. */
static int keys_read(long now) {
    char c[256];
    if (!keys_ours()) return 0;
    ssize_t n = read(keys.fd, c, sizeof c);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
    if (n <= 0) { /* it is gone */
        keys_pause();
        close(keys.fd);
        keys.fd = -1;
        return 0;
    }
    if (n == 1 && (c[0] == 'b' || c[0] == 'B') && (keys.n == 0 || now - keys.last > ALONE_MS)) return 1;
    keys.last = now;
    for (ssize_t i = 0; i < n && keys.n < AHEAD; i++) keys.ahead[keys.n++] = c[i];
    return 0;
}
