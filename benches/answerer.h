/* A store that answers later: a thread that once in a millisecond answers what it was asked meanwhile. */
#ifndef BENCH_ANSWERER_H
#define BENCH_ANSWERER_H

#include "store.h"

#include <pthread.h>
#include <tlspair.h>
#include <unistd.h>

#define ANSWERER_PERIOD_US 1000
#define MOST_QUESTIONS 4096

struct question {
    tls_request *request;
    unsigned char *data;
    size_t length;
};

static struct question questions[MOST_QUESTIONS];
static size_t question_count;
static pthread_mutex_t questions_lock = PTHREAD_MUTEX_INITIALIZER;

/* What is found is copied, as it would come out of another process. */
static void ask_later(tls_request *request, const struct stored *stored)
{
    struct question question = {request, NULL, 0};
    if (stored != NULL) {
        question.length = stored->length;
        question.data = malloc(stored->length);
        if (question.data == NULL)
            die("out of memory");
        memcpy(question.data, stored->data, stored->length);
    }
    pthread_mutex_lock(&questions_lock);
    if (question_count == MOST_QUESTIONS)
        die("more than %d questions wait", MOST_QUESTIONS);
    questions[question_count++] = question;
    pthread_mutex_unlock(&questions_lock);
}

static void *answer_questions(void *unused)
{
    static struct question taken[MOST_QUESTIONS];
    for (;;) {
        usleep(ANSWERER_PERIOD_US);
        pthread_mutex_lock(&questions_lock);
        size_t count = question_count;
        memcpy(taken, questions, count * sizeof *taken);
        question_count = 0;
        pthread_mutex_unlock(&questions_lock);
        for (size_t i = 0; i < count; i++) {
            /* The connection may have ended. */
            tls_request_resolve_session(taken[i].request, taken[i].data, taken[i].length);
            free(taken[i].data);
        }
    }
    return unused;
}

static void start_answerer(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer_questions, NULL) != 0)
        die("no thread");
    pthread_detach(thread);
}

#endif
