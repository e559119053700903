CREATE TABLE "_jobs" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "name" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "input" TEXT NOT NULL,
  "result" TEXT,
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "max_attempts" INTEGER NOT NULL,
  "run_at" INTEGER NOT NULL,
  "due_at" INTEGER,
  "claim" TEXT,
  "unique_key" TEXT,
  "order_key" TEXT,
  "position" INTEGER,
  "lane" TEXT,
  "lane_width" INTEGER,
  "errors" TEXT NOT NULL DEFAULT '[]',
  "progress" TEXT,
  "trace_id" TEXT,
  "created_at" INTEGER NOT NULL,
  "started_at" INTEGER,
  "finished_at" INTEGER
) STRICT;
CREATE INDEX "_jobs_due" ON "_jobs" ("due_at") WHERE "due_at" IS NOT NULL;
CREATE INDEX "_jobs_state" ON "_jobs" ("state", "id");
CREATE INDEX "_jobs_name" ON "_jobs" ("name", "id");
CREATE INDEX "_jobs_ended" ON "_jobs" ("state", "finished_at") WHERE "finished_at" IS NOT NULL;
CREATE INDEX "_jobs_order" ON "_jobs" ("order_key", "position") WHERE "order_key" IS NOT NULL AND "finished_at" IS NULL;
CREATE INDEX "_jobs_lane" ON "_jobs" ("lane", "state", "run_at") WHERE "lane" IS NOT NULL AND "finished_at" IS NULL;
CREATE UNIQUE INDEX "_jobs_unique" ON "_jobs" ("name", "unique_key") WHERE "unique_key" IS NOT NULL AND "finished_at" IS NULL;
CREATE TABLE "_job_steps" (
  "job_id" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "result" TEXT NOT NULL,
  "created_at" INTEGER NOT NULL,
  PRIMARY KEY ("job_id", "name"),
  FOREIGN KEY ("job_id") REFERENCES "_jobs" ("id") ON DELETE CASCADE
) STRICT;
CREATE TABLE "_schedules" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "timing" TEXT NOT NULL,
  "next_at" INTEGER NOT NULL,
  "last_at" INTEGER,
  "last_job_id" TEXT
) STRICT;
CREATE TABLE "_sinks" (
  "name" TEXT PRIMARY KEY NOT NULL,
  "seq" INTEGER NOT NULL
) STRICT;
CREATE TABLE "_webhooks" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "url" TEXT NOT NULL,
  "events" TEXT NOT NULL,
  "filter" TEXT,
  "ordered" INTEGER NOT NULL DEFAULT 0,
  "secret" TEXT NOT NULL,
  "previous_secret" TEXT,
  "previous_until" INTEGER,
  "owner_id" TEXT,
  "disabled_for" TEXT,
  "failing_since" INTEGER,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL
) STRICT;
CREATE TABLE "_deliveries" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "webhook_id" TEXT NOT NULL,
  "event" TEXT NOT NULL,
  "state" TEXT NOT NULL,
  "payload" TEXT NOT NULL,
  "attempts" TEXT NOT NULL DEFAULT '[]',
  "created_at" INTEGER NOT NULL,
  FOREIGN KEY ("webhook_id") REFERENCES "_webhooks" ("id") ON DELETE CASCADE
) STRICT;
CREATE INDEX "_deliveries_webhook" ON "_deliveries" ("webhook_id", "id");
CREATE INDEX "_deliveries_created" ON "_deliveries" ("created_at");
CREATE TABLE "_received" (
  "path" TEXT NOT NULL,
  "message_id" TEXT NOT NULL,
  "at" INTEGER NOT NULL,
  PRIMARY KEY ("path", "message_id")
) STRICT;
CREATE INDEX "_received_at" ON "_received" ("at");
