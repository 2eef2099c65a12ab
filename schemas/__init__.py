"""Messages as Avro schemas, and the types generated from them: the only place where a field is born."""
