"""Ground floor: errors, messages, registry, types, durable writes, seeds, device. Imports nothing above it."""
