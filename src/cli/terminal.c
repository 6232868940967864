// Copyright 2026 The qcow2-info authors
// SPDX-License-Identifier: Apache-2.0

#include "cli/terminal.h"

#include "cli/option_values.h"
#include "print/text.h"
#include "print/writer.h"
#include "source/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum {
    LINE_MAX_SIZE = 4096, // bytes: a terminal passes on shorter lines
    COLUMNS_DEFAULT = 80,
};

// Signals that end or stop a process.
static const int ending_signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGTSTP,
                                     SIGALRM, SIGUSR1, SIGUSR2, SIGPIPE, SIGXCPU};

enum { ENDING_SIGNALS = sizeof ending_signals / sizeof ending_signals[0] };

static volatile sig_atomic_t signal_seen;

static void note_signal(int number)
{
    signal_seen = number;
}

unsigned terminal_columns(void)
{
    const char *columns = getenv("COLUMNS");
    uint64_t number = 0;
    struct winsize size;
    if (columns && parse_size(columns, &number) && number >= 1 && number <= TERMINAL_COLUMNS_MAX) {
        return (unsigned)number;
    }
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : COLUMNS_DEFAULT;
}

int terminal_open(void)
{
    return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

// Waits for a line, which the terminal passes on as a whole. A signal also ends the wait.
static bool read_line(int fd, const sigset_t *deliver, struct secret *line, struct error *error)
{
    struct pollfd typed = {.fd = fd, .events = POLLIN};
    while (!signal_seen) {
        if (ppoll(&typed, 1, NULL, deliver) < 0) {
            if (errno == EINTR) {
                continue;
            }
            break;
        }
        ssize_t got = read(fd, line->data, line->size);
        if (got < 0) {
            break;
        }
        if (got == 0) { // an empty line is a passphrase too
            return error_set(error, ERROR_KEY, "no passphrase was typed");
        }
        line->size = (size_t)got;
        if (line->data[got - 1] == '\n') {
            line->size--;
        }
        return true;
    }
    return error_set(error, ERROR_IO, "cannot read from the terminal: %s", strerror(errno));
}

static void show(int fd, const char *prompt)
{
    struct writer writer;
    struct error ignored;
    writer_init(&writer, fd);
    text_safe(&writer, prompt);
    writer_string(&writer, ": ");
    writer_finish(&writer, &ignored);
}

// Turn the echo off before the prompt, so that a quick answer is hidden too.
static bool read_hidden(int fd, const char *prompt, const sigset_t *deliver, struct secret *line,
                        struct error *error)
{
    struct termios old;
    if (tcgetattr(fd, &old) != 0) {
        return error_set(error, ERROR_IO, "cannot use the terminal: %s", strerror(errno));
    }
    struct termios hidden = old;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    hidden.c_lflag |= ICANON | ISIG;
    if (tcsetattr(fd, TCSAFLUSH, &hidden) != 0) {
        return error_set(error, ERROR_IO, "cannot turn off the terminal's echo: %s",
                         strerror(errno));
    }
    show(fd, prompt);
    bool done = read_line(fd, deliver, line, error);
    tcsetattr(fd, TCSAFLUSH, &old);
    return done;
}

// While the echo is off, signals that end the process are blocked, except while waiting for a line.
static bool read_guarded(int fd, const char *prompt, struct secret *line, struct error *error)
{
    struct sigaction old_actions[ENDING_SIGNALS];
    const struct sigaction noting = {.sa_handler = note_signal};
    sigset_t ending;
    sigset_t deliver;
    sigemptyset(&ending);
    for (int i = 0; i < ENDING_SIGNALS; i++) {
        sigaddset(&ending, ending_signals[i]);
    }
    sigprocmask(SIG_BLOCK, &ending, &deliver);
    for (int i = 0; i < ENDING_SIGNALS; i++) {
        sigaction(ending_signals[i], NULL, &old_actions[i]);
        if (old_actions[i].sa_handler != SIG_IGN) {
            sigaction(ending_signals[i], &noting, NULL);
        }
    }
    bool done = read_hidden(fd, prompt, &deliver, line, error);
    for (int i = 0; i < ENDING_SIGNALS; i++) {
        sigaction(ending_signals[i], &old_actions[i], NULL);
    }
    sigprocmask(SIG_SETMASK, &deliver, NULL);
    return done;
}

static bool ask_once(int fd, const char *prompt, struct secret *answer, struct error *error)
{
    const uint8_t line_end = '\n';
    struct error ignored;
    if (!secret_make(answer, LINE_MAX_SIZE, error)) {
        return false;
    }
    bool done = read_guarded(fd, prompt, answer, error);
    write_stream(fd, (struct bytes){&line_end, 1}, &ignored);
    if (signal_seen) {
        done = error_set(error, ERROR_IO, "interrupted");
    }
    if (!done) {
        secret_free(answer);
    }
    return done;
}

bool terminal_ask(int fd, const char *prompt, struct secret *answer, struct error *error)
{
    bool done;
    do {
        signal_seen = 0;
        done = ask_once(fd, prompt, answer, error);
        if (signal_seen) {
            raise(signal_seen);
        }
    } while (signal_seen == SIGTSTP); // the process was stopped and continues
    return done;
}
