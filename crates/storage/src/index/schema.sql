CREATE TABLE blocks (
  number BIGINT PRIMARY KEY,
  hash   BYTEA NOT NULL UNIQUE,
  header BYTEA NOT NULL,
  extra  BYTEA NOT NULL
);
CREATE TABLE txs (
  hash    BYTEA NOT NULL PRIMARY KEY,
  block   BIGINT NOT NULL,
  idx     BIGINT NOT NULL,
  sender  BYTEA NOT NULL,
  raw     BYTEA NOT NULL,
  receipt BYTEA NOT NULL
);
CREATE UNIQUE INDEX txs_place ON txs (block, idx);
CREATE TABLE logs (
  block   BIGINT NOT NULL,
  idx     BIGINT NOT NULL,
  tx_idx  BIGINT NOT NULL,
  tx_hash BYTEA NOT NULL,
  address BYTEA NOT NULL,
  topic0  BYTEA,
  topic1  BYTEA,
  topic2  BYTEA,
  topic3  BYTEA,
  data    BYTEA NOT NULL,
  PRIMARY KEY (block, idx)
);
CREATE INDEX logs_address ON logs (address, block);
CREATE INDEX logs_topic0 ON logs (topic0, block);
CREATE TABLE batches (
  inbox_index BIGINT PRIMARY KEY,
  kind        BIGINT NOT NULL,
  l1_block    BIGINT NOT NULL,
  l1_hash     BYTEA NOT NULL,
  l1_tx       BYTEA NOT NULL,
  queue_from  BIGINT NOT NULL,
  queue_to    BIGINT NOT NULL,
  l2_first    BIGINT NOT NULL,
  l2_last     BIGINT NOT NULL,
  bytes       BIGINT NOT NULL
);
CREATE TABLE checkpoints (
  l1_number  BIGINT PRIMARY KEY,
  l1_hash    BYTEA NOT NULL,
  inbox_next BIGINT NOT NULL,
  queue_next BIGINT NOT NULL,
  l2_number  BIGINT NOT NULL,
  l2_hash    BYTEA NOT NULL
);
