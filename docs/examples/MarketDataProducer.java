import io.apicurio.registry.serde.avro.AvroKafkaSerializer;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.avro.Conversions;
import org.apache.avro.LogicalTypes;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

/** Sends prices as a system in Java does: MarketDataProducer BROKERS REGISTRY SCHEMA_FILE SYMBOL BID ASK LAST */
public final class MarketDataProducer {
    public static void main(String[] arguments) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("key.serializer", StringSerializer.class.getName());
        settings.put("value.serializer", AvroKafkaSerializer.class.getName());
        settings.put("apicurio.registry.url", arguments[1]);
        settings.put("apicurio.registry.auto-register", "true");
        settings.put("apicurio.registry.artifact-resolver-strategy",
                "io.apicurio.registry.serde.avro.strategy.TopicRecordIdStrategy");
        Schema schema = new Schema.Parser().parse(Files.readString(Path.of(arguments[2])));
        GenericRecord event = new GenericData.Record(schema);
        for (Schema.Field field : schema.getFields()) {
            if (field.hasDefaultValue()) {
                event.put(field.pos(), GenericData.get().getDefaultValue(field));
            }
        }
        event.put("symbol", arguments[3]);
        event.put("exchange", "JAVA");
        event.put("bidPrice", decimal(schema, "bidPrice", arguments[4]));
        event.put("askPrice", decimal(schema, "askPrice", arguments[5]));
        event.put("lastPrice", decimal(schema, "lastPrice", arguments[6]));
        try (KafkaProducer<String, GenericRecord> producer = new KafkaProducer<>(settings)) {
            producer.send(new ProducerRecord<>("market-data", arguments[3], event)).get();
        }
    }

    private static ByteBuffer decimal(Schema schema, String field, String text) {
        Schema bytes = schema.getField(field).schema().getTypes().get(1);
        LogicalTypes.Decimal type = (LogicalTypes.Decimal) bytes.getLogicalType();
        BigDecimal value = new BigDecimal(text).setScale(type.getScale());
        return new Conversions.DecimalConversion().toBytes(value, bytes, type);
    }
}
