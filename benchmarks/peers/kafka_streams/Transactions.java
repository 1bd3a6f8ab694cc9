import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryDecoder;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** Avro's own generic reader and writer behind the 5-byte header. */
final class Transactions {
    private static final int HEADER = 5;

    private final byte[] header;
    private final GenericDatumReader<GenericRecord> reader;
    private final GenericDatumWriter<GenericRecord> writer;
    private BinaryDecoder decoder;
    private BinaryEncoder encoder;

    private Transactions(Schema schema, int schemaId) {
        this.header = ByteBuffer.allocate(HEADER).put((byte) 0).putInt(schemaId).array();
        this.reader = new GenericDatumReader<>(schema);
        this.writer = new GenericDatumWriter<>(schema);
    }

    /** One stream thread uses it at a time, so decoder and encoder are used again. */
    static Serde<GenericRecord> serde() throws IOException {
        Schema schema = new Schema.Parser().parse(new File(System.getenv("SCHEMA_FILE")));
        return new Transactions(schema, Integer.parseInt(System.getenv("SCHEMA_ID"))).asSerde();
    }

    private Serde<GenericRecord> asSerde() {
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

    static BigDecimal amount(GenericRecord transaction) {
        ByteBuffer bytes = (ByteBuffer) transaction.get("amount");
        byte[] unscaled = new byte[bytes.remaining()];
        bytes.duplicate().get(unscaled);
        return new BigDecimal(new BigInteger(unscaled), 2);
    }
}
