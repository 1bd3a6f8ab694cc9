import java.io.IOException;
import java.math.BigDecimal;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** Kafka Streams, exactly_once_v2: the DSL's split. */
public final class Detector {
    public static void main(String[] arguments) throws IOException {
        Serde<GenericRecord> serde = Transactions.serde();
        BigDecimal suspicious = new BigDecimal(System.getenv().getOrDefault("SUSPICIOUS_AMOUNT", "900"));

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(System.getenv("TRANSACTIONS_TOPIC"), Consumed.with(Serdes.ByteArray(), serde))
            .split()
            .branch(
                (key, transaction) -> Transactions.amount(transaction).compareTo(suspicious) >= 0,
                Branched.withConsumer(fraud ->
                    fraud.to(System.getenv("FRAUD_TOPIC"), Produced.with(Serdes.ByteArray(), serde))))
            .defaultBranch(
                Branched.withConsumer(legit ->
                    legit.to(System.getenv("LEGIT_TOPIC"), Produced.with(Serdes.ByteArray(), serde))));

        Streams.start(builder.build());
    }
}
