import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** Kafka Streams, exactly_once_v2: the DSL's split, Avro's own generic reader and writer behind the 5-byte header. */
public final class Detector {
    private static final int HEADER = 5;

    private final byte[] header;
    private final GenericDatumReader<GenericRecord> reader;
    private final GenericDatumWriter<GenericRecord> writer;
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;

    private Detector(Schema schema, int schemaId) {
        this.header = ByteBuffer.allocate(HEADER).put((byte) 0).putInt(schemaId).array();
        this.reader = new GenericDatumReader<>(schema);
        this.writer = new GenericDatumWriter<>(schema);
    }

    /** One stream thread uses it at a time, so decoder and encoder are used again. */
    private Serde<GenericRecord> serde() {
        return Serdes.serdeFrom(
            (topic, record) -> {
                ByteArrayOutputStream bytes = new ByteArrayOutputStream(128);
                try {
                    bytes.write(header);
                    encoder = EncoderFactory.get().directBinaryEncoder(bytes, encoder);
                    writer.write(record, encoder);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
                return bytes.toByteArray();
            },
            (topic, value) -> {
                if (value[0] != 0) {
                    throw new IllegalArgumentException("no magic byte");
                }
                try {
                    decoder = DecoderFactory.get().binaryDecoder(value, HEADER, value.length - HEADER, decoder);
                    return reader.read(null, decoder);
                } catch (IOException error) {
                    throw new UncheckedIOException(error);
                }
            });
    }

    private static BigDecimal amount(GenericRecord transaction) {
        ByteBuffer bytes = (ByteBuffer) transaction.get("amount");
        byte[] unscaled = new byte[bytes.remaining()];
        bytes.duplicate().get(unscaled);
        return new BigDecimal(new BigInteger(unscaled), 2);
    }

    public static void main(String[] arguments) throws IOException {
        Schema schema = new Schema.Parser().parse(new File(System.getenv("SCHEMA_FILE")));
        Serde<GenericRecord> serde = new Detector(schema, Integer.parseInt(System.getenv("SCHEMA_ID"))).serde();
        BigDecimal suspicious = new BigDecimal(System.getenv().getOrDefault("SUSPICIOUS_AMOUNT", "900"));

        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(System.getenv("TRANSACTIONS_TOPIC"), Consumed.with(Serdes.ByteArray(), serde))
            .split()
            .branch(
                (key, transaction) -> amount(transaction).compareTo(suspicious) >= 0,
                Branched.withConsumer(fraud ->
                    fraud.to(System.getenv("FRAUD_TOPIC"), Produced.with(Serdes.ByteArray(), serde))))
            .defaultBranch(
                Branched.withConsumer(legit ->
                    legit.to(System.getenv("LEGIT_TOPIC"), Produced.with(Serdes.ByteArray(), serde))));

        Properties properties = new Properties();
        properties.put(StreamsConfig.APPLICATION_ID_CONFIG, System.getenv("CONSUMER_GROUP"));
        properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("KAFKA_BROKER_URL"));
        properties.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        properties.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, System.getenv("COMMIT_INTERVAL_MS"));
        properties.put(StreamsConfig.STATE_DIR_CONFIG, System.getenv("STATE_DIR"));
        properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        KafkaStreams streams = new KafkaStreams(builder.build(), properties);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
