/* The floor below the detector: a plain loop on librdkafka that reads, decides and writes, and checks next to nothing.
 *
 * At least once by default (offsets are committed now and then by librdkafka itself, as its documentation's consumer
 * examples do); with EXACTLY_ONCE set, one Kafka transaction for each COMMIT_INTERVAL_MS. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "librdkafka.h"

enum { BATCH = 5000 };

static volatile sig_atomic_t stopped;
static long failed;

static void stop(int number) {
    (void) number;
    stopped = 1;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void check(const char *what, rd_kafka_error_t *error) {
    if (error) fail(what, rd_kafka_error_string(error));
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    (void) producer, (void) opaque;
    if (message->err) failed++;
}

static const char *setting(const char *name, const char *otherwise) {
    const char *value = getenv(name);
    if (value) return value;
    if (!otherwise) fail(name, "is not set");
    return otherwise;
}

static rd_kafka_t *client(int type, const char *const properties[][2]) {
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (; (*properties)[0]; properties++)
        if (rd_kafka_conf_set(conf, (*properties)[0], (*properties)[1], error, sizeof error) != RD_KAFKA_CONF_OK)
            fail((*properties)[0], error);
    if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *made = rd_kafka_new(type, conf, error, sizeof error);
    if (!made) fail("client", error);
    return made;
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* One zigzag varint of Avro; moves the position behind it. */
static long varint(const unsigned char **at) {
    unsigned long value = 0;
    int shift = 0;
    do value |= (unsigned long) (**at & 0x7f) << shift, shift += 7;
    while (*(*at)++ & 0x80);
    return (long) (value >> 1) ^ -(long) (value & 1);
}

/* The amount in cents: behind the header of 5 bytes and the texts id, source and target. */
static long amount(const unsigned char *value) {
    const unsigned char *at = value + 5;
    for (int field = 0; field < 3; field++) {
        long length = varint(&at);
        at += length;
    }
    long length = varint(&at), cents = (signed char) *at++;
    while (--length > 0) cents = cents << 8 | *at++;
    return cents;
}

static void commit(rd_kafka_t *producer, rd_kafka_t *consumer) {
    rd_kafka_topic_partition_list_t *positions;
    rd_kafka_assignment(consumer, &positions);
    rd_kafka_position(consumer, positions);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata(consumer);
    check("offsets", rd_kafka_send_offsets_to_transaction(producer, positions, group, 30000));
    check("commit", rd_kafka_commit_transaction(producer, 30000));
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_partition_list_destroy(positions);
}

int main(void) {
    const char *brokers = setting("KAFKA_BROKER_URL", NULL);
    const long suspicious = atol(setting("SUSPICIOUS_AMOUNT", "900")) * 100;
    const long interval = atol(setting("COMMIT_INTERVAL_MS", "100"));
    const int exactly_once = getenv("EXACTLY_ONCE") != NULL;
    char transactional_id[64];
    snprintf(transactional_id, sizeof transactional_id, "c-loop-%d", getpid());
    const char *const for_consumer[][2] = {
        {"bootstrap.servers", brokers}, {"group.id", setting("CONSUMER_GROUP", NULL)},
        {"auto.offset.reset", "earliest"}, {"enable.auto.commit", exactly_once ? "false" : "true"},
        {"queued.min.messages", "50000"}, {"queued.max.messages.kbytes", "65536"},
        {"max.partition.fetch.bytes", "4194304"}, {"fetch.queue.backoff.ms", "10"},
        {"partition.assignment.strategy", "cooperative-sticky"}, {NULL, NULL}};
    const char *const for_producer[][2] = {
        {"bootstrap.servers", brokers}, {"enable.idempotence", "true"}, {"partitioner", "murmur2_random"},
        {"linger.ms", "5"}, {"batch.size", "1000000"}, {"batch.num.messages", "10000"},
        {"queue.buffering.max.messages", "500000"}, {"queue.buffering.max.kbytes", "262144"},
        {"delivery.report.only.error", "true"},
        {exactly_once ? "transactional.id" : NULL, transactional_id}, {NULL, NULL}};
    signal(SIGTERM, stop);
    rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, for_consumer);
    rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, for_producer);
    rd_kafka_topic_t *legit = rd_kafka_topic_new(producer, setting("LEGIT_TOPIC", NULL), NULL);
    rd_kafka_topic_t *fraud = rd_kafka_topic_new(producer, setting("FRAUD_TOPIC", NULL), NULL);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, setting("TRANSACTIONS_TOPIC", NULL), RD_KAFKA_PARTITION_UA);
    if (exactly_once) check("init", rd_kafka_init_transactions(producer, 30000));
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_subscribe(consumer, topics);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);

    static rd_kafka_message_t *batch[BATCH];
    long opened = 0; /* when the open transaction began; 0: none is open */
    while (!stopped) {
        if (opened && now_ms() - opened >= interval) commit(producer, consumer), opened = 0;
        ssize_t count = rd_kafka_consume_batch_queue(queue, exactly_once ? (int) (interval / 4) : 100, batch, BATCH);
        for (ssize_t i = 0; i < count; i++) {
            rd_kafka_message_t *message = batch[i];
            if (!message->err) {
                if (exactly_once && !opened) check("begin", rd_kafka_begin_transaction(producer)), opened = now_ms();
                rd_kafka_topic_t *topic = amount(message->payload) >= suspicious ? fraud : legit;
                while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, message->payload,
                                        message->len, message->key, message->key_len, NULL) == -1) {
                    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL)
                        fail("produce", rd_kafka_err2str(rd_kafka_last_error()));
                    rd_kafka_poll(producer, 50);
                }
            }
            rd_kafka_message_destroy(message);
        }
        rd_kafka_poll(producer, 0);
        if (failed) fail("delivery", "a message was not delivered");
    }
    if (opened) commit(producer, consumer);
    rd_kafka_flush(producer, 10000);
    rd_kafka_consumer_close(consumer);
    return 0;
}
