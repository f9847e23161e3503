/*
 * assent_pam NAME: asks this machine's PAM whether a password is that of an
 * account. The password comes on standard input, with a zero byte behind it.
 *
 * The agent, which is linked to no library, starts it for accounts that are not
 * in /etc/shadow: those of a directory (sssd, LDAP, winbind). It only asks who
 * somebody is (pam_authenticate by the service "assent"); whether they may log in
 * is not asked, as they sit at this machine already. It is not setuid and of no
 * use to anybody but root. PAM is looked for when it runs, so that it can be built
 * without PAM's headers and for other machines.
 *
 * Exit: 0 it is the password, 1 it is not, 2 it can not be found out (a line on
 * standard error says why, never with what was typed).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define LONGEST 512 /* bytes of a password; agent/privilege's MaxPassword */

/* Of Linux-PAM, whose numbers never change. */
enum { SUCCESS = 0, AUTH_ERR = 7, USER_UNKNOWN = 10, MAXTRIES = 11, CONV_ERR = 19, PERM_DENIED = 6, CRED_INSUFFICIENT = 8, BUF_ERR = 5 };
enum { ECHO_OFF = 1, ECHO_ON = 2, ERROR_MSG = 3, TEXT_INFO = 4 };
#define MOST_MESSAGES 32
#define SILENT 0x8000u
#define NO_EMPTY 0x0001u

struct message {
    int style;
    const char *text;
};
struct response {
    char *text;
    int code;
};
struct conversation {
    int (*speak)(int, const struct message **, struct response **, void *);
    void *data;
};

static char password[LONGEST + 2];
static int asked; /* a second hidden question is not for the password */

/* Answers the one question for a password. Anything else, such as a code, can not
 * be answered here. PAM frees what it is given. */
static int speak(int n, const struct message **m, struct response **r, void *data) {
    (void)data;
    if (n < 1 || n > MOST_MESSAGES) return CONV_ERR;
    struct response *all = calloc((size_t)n, sizeof *all);
    if (!all) return BUF_ERR;
    for (int i = 0; i < n; i++) {
        if (m[i]->style == ERROR_MSG || m[i]->style == TEXT_INFO) continue;
        if (m[i]->style == ECHO_OFF && !asked++ && (all[i].text = strdup(password))) continue;
        for (int k = 0; k < n; k++) {
            if (!all[k].text) continue;
            explicit_bzero(all[k].text, strlen(all[k].text));
            free(all[k].text);
        }
        free(all);
        return CONV_ERR;
    }
    *r = all;
    return SUCCESS;
}

static int unknown(const char *why) {
    fprintf(stderr, "%s\n", why);
    return 2;
}

/* Reads up to the zero byte; 0 = there is none, or it is too long. */
static int read_password(void) {
    size_t have = 0;
    while (have < sizeof password) {
        ssize_t n = read(0, password + have, sizeof password - have);
        if (n <= 0) return 0;
        have += (size_t)n;
        char *end = memchr(password, 0, have);
        if (end) return end > password && end - password <= LONGEST;
    }
    return 0;
}

int main(int argc, char **argv) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
    if (argc != 2 || !argv[1][0]) return unknown("usage: assent_pam NAME, with the password on standard input");
    if (!read_password()) return unknown("no password was given");
    void *pam = dlopen("libpam.so.0", RTLD_NOW);
    if (!pam) return unknown("this machine has no PAM");
    int (*start)(const char *, const char *, const struct conversation *, void **) = (int (*)(const char *, const char *, const struct conversation *, void **))dlsym(pam, "pam_start");
    int (*authenticate)(void *, int) = (int (*)(void *, int))dlsym(pam, "pam_authenticate");
    int (*end)(void *, int) = (int (*)(void *, int))dlsym(pam, "pam_end");
    const char *(*text)(void *, int) = (const char *(*)(void *, int))dlsym(pam, "pam_strerror");
    if (!start || !authenticate || !end || !text) return unknown("this machine's PAM is not one that is known");
    struct conversation c = {speak, NULL};
    void *h = NULL;
    int r = start("assent", argv[1], &c, &h);
    if (r != SUCCESS || !h) return unknown("PAM does not begin");
    r = authenticate(h, (int)(SILENT | NO_EMPTY));
    explicit_bzero(password, sizeof password);
    if (r != SUCCESS && r != AUTH_ERR) fprintf(stderr, "%s\n", text(h, r));
    end(h, r);
    switch (r) {
    case SUCCESS: return 0;
    case AUTH_ERR:
    case PERM_DENIED:
    case MAXTRIES: return 1;
    case CRED_INSUFFICIENT:
    case USER_UNKNOWN:
    default: return 2;
    }
}
