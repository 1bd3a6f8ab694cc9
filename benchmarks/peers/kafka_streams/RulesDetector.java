import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.WindowStoreIterator;

/**
 * The detector's five default rules, exactly sliding, with the Processor API and its state stores: a stage by receiver, a
 * repartition topic, a stage by payer. Each window is a store of the entries in it, read for each transaction that a rule is
 * about. No alerts are written.
 */
public final class RulesDetector {
    private static final Duration LATENESS = Duration.ofMinutes(1);
    private static final String MATCHED = "matched";
    private static final byte[] NOTHING = {};

    private RulesDetector() {}

    private static StoreBuilder<WindowStore<String, String>> window(String name, Duration over) {
        // Retaining duplicates: several entries of a key may have one time.
        return Stores.windowStoreBuilder(
            Stores.persistentWindowStore(name, over.plus(LATENESS), over, true), Serdes.String(), Serdes.String());
    }

    private static String text(GenericRecord transaction, String field) {
        return transaction.get(field).toString();
    }

    private static boolean isBetween(BigDecimal amount, long from, long below) {
        return amount.compareTo(BigDecimal.valueOf(from)) >= 0 && amount.compareTo(BigDecimal.valueOf(below)) < 0;
    }

    /** Entries of one key within a window that ends with a transaction, which is added first. */
    private static final class Entries {
        int count;
        final Set<String> values = new HashSet<>();

        static Entries with(WindowStore<String, String> store, String key, String value, long time, Duration over) {
            store.put(key, value, time);
            Entries entries = new Entries();
            try (WindowStoreIterator<String> iterator = store.fetch(key, time - over.toMillis() + 1, time)) {
                while (iterator.hasNext()) {
                    entries.count++;
                    entries.values.add(iterator.next().value);
                }
            }
            return entries;
        }
    }

    /** The rules many-senders and large-amount. */
    private static final class ByTarget implements Processor<byte[], GenericRecord, byte[], GenericRecord> {
        private static final Duration DAY = Duration.ofHours(24);
        private static final BigDecimal HUNDRED = BigDecimal.valueOf(100);
        private final BigDecimal suspicious = new BigDecimal(System.getenv().getOrDefault("SUSPICIOUS_AMOUNT", "900"));
        private ProcessorContext<byte[], GenericRecord> context;
        private WindowStore<String, String> senders;

        @Override
        public void init(ProcessorContext<byte[], GenericRecord> given) {
            context = given;
            senders = given.getStateStore("senders");
        }

        @Override
        public void process(Record<byte[], GenericRecord> record) {
            GenericRecord transaction = record.value();
            BigDecimal amount = Transactions.amount(transaction);
            boolean matched = amount.compareTo(suspicious) >= 0;
            if (amount.remainder(HUNDRED).signum() == 0) {
                String key = text(transaction, "target") + '|' + amount;
                long time = (Long) transaction.get("created_at");
                matched |= Entries.with(senders, key, text(transaction, "source"), time, DAY).values.size() >= 50;
            }
            Record<byte[], GenericRecord> next =
                record.withKey(text(transaction, "source").getBytes(StandardCharsets.UTF_8));
            if (matched) {
                next.headers().add(MATCHED, NOTHING);
            }
            context.forward(next);
        }
    }

    /** The rules rapid-fire, structuring and dormant-account, and the verdict. */
    private static final class BySource implements Processor<byte[], GenericRecord, byte[], GenericRecord> {
        private static final Duration MINUTE = Duration.ofMinutes(1);
        private static final Duration TWO_HOURS = Duration.ofHours(2);
        private static final long PAUSE = Duration.ofHours(48).toMillis();
        private static final long FORGOTTEN = Duration.ofHours(72).toMillis();
        private ProcessorContext<byte[], GenericRecord> context;
        private WindowStore<String, String> receivers;
        private WindowStore<String, String> band;
        private KeyValueStore<String, Long> latest;

        @Override
        public void init(ProcessorContext<byte[], GenericRecord> given) {
            context = given;
            receivers = given.getStateStore("receivers");
            band = given.getStateStore("band");
            latest = given.getStateStore("latest");
        }

        @Override
        public void process(Record<byte[], GenericRecord> record) {
            GenericRecord transaction = record.value();
            BigDecimal amount = Transactions.amount(transaction);
            String source = text(transaction, "source");
            String target = text(transaction, "target");
            long time = (Long) transaction.get("created_at");
            boolean matched = record.headers().lastHeader(MATCHED) != null;
            if (isBetween(amount, 0, 200)) {
                Entries entries = Entries.with(receivers, source, target, time, MINUTE);
                matched |= entries.count >= 8 && entries.values.size() <= 5;
            } else if (isBetween(amount, 850, 900)) {
                matched |= Entries.with(band, source + '|' + target, "", time, TWO_HOURS).count >= 3;
            }
            Long before = latest.get(source);
            if (before == null || before < time) {
                latest.put(source, time);
            }
            if (before != null && amount.compareTo(BigDecimal.valueOf(500)) >= 0) {
                long pause = time - before;
                matched |= pause >= PAUSE && pause < FORGOTTEN;
            }
            record.headers().remove(MATCHED);
            context.forward(record.withKey(target.getBytes(StandardCharsets.UTF_8)), matched ? "fraud" : "legit");
        }
    }

    public static void main(String[] arguments) throws IOException {
        Serde<GenericRecord> values = Transactions.serde();
        Serde<byte[]> keys = Serdes.ByteArray();
        String repartition = System.getenv("REPARTITION_TOPICS").split("=")[1];
        Topology topology = new Topology();
        topology
            .addSource("transactions", keys.deserializer(), values.deserializer(), System.getenv("TRANSACTIONS_TOPIC"))
            .addProcessor("by-target", ByTarget::new, "transactions")
            .addStateStore(window("senders", ByTarget.DAY), "by-target")
            .addSink("repartition", repartition, keys.serializer(), values.serializer(), "by-target")
            .addSource("repartitioned", keys.deserializer(), values.deserializer(), repartition)
            .addProcessor("by-source", BySource::new, "repartitioned")
            .addStateStore(window("receivers", BySource.MINUTE), "by-source")
            .addStateStore(window("band", BySource.TWO_HOURS), "by-source")
            .addStateStore(
                Stores.keyValueStoreBuilder(
                    Stores.persistentKeyValueStore("latest"), Serdes.String(), Serdes.Long()), "by-source")
            .addSink("legit", System.getenv("LEGIT_TOPIC"), keys.serializer(), values.serializer(), "by-source")
            .addSink("fraud", System.getenv("FRAUD_TOPIC"), keys.serializer(), values.serializer(), "by-source");
        Streams.start(topology);
    }
}
