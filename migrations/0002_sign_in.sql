DROP TRIGGER IF EXISTS "_users_version";
DROP TRIGGER IF EXISTS "_changes__users_insert";
DROP TRIGGER IF EXISTS "_changes__users_update";
DROP TRIGGER IF EXISTS "_changes__users_delete";
CREATE TABLE "_passwords" (
  "user_id" TEXT PRIMARY KEY NOT NULL,
  "hash" TEXT NOT NULL,
  "updated_at" INTEGER NOT NULL,
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE TABLE "_identities" (
  "issuer" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "user_id" TEXT NOT NULL,
  "email" TEXT,
  "created_at" INTEGER NOT NULL,
  PRIMARY KEY ("issuer", "subject"),
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE INDEX "_identities_user" ON "_identities" ("user_id");
CREATE TABLE "_passkeys" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT NOT NULL,
  "public_key" TEXT NOT NULL,
  "counter" INTEGER NOT NULL,
  "transports" TEXT NOT NULL CHECK (json_valid("transports")),
  "backed_up" INTEGER NOT NULL,
  "aaguid" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "created_at" INTEGER NOT NULL,
  "last_used_at" INTEGER,
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE INDEX "_passkeys_user" ON "_passkeys" ("user_id", "created_at");
CREATE TABLE "_sessions" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "user_id" TEXT NOT NULL,
  "generation" INTEGER NOT NULL,
  "refresh_hash" TEXT NOT NULL,
  "rotated_at" INTEGER NOT NULL,
  "rotated_key" TEXT,
  "aal" INTEGER NOT NULL,
  "amr" TEXT NOT NULL CHECK (json_valid("amr")),
  "ip" TEXT,
  "user_agent" TEXT,
  "place" TEXT,
  "created_at" INTEGER NOT NULL,
  "authenticated_at" INTEGER NOT NULL,
  "last_used_at" INTEGER NOT NULL,
  "idle_at" INTEGER NOT NULL,
  "expires_at" INTEGER NOT NULL,
  "revoked_at" INTEGER,
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE INDEX "_sessions_user" ON "_sessions" ("user_id", "created_at");
CREATE INDEX "_sessions_expiry" ON "_sessions" ("expires_at");
CREATE TABLE "_one_time" (
  "purpose" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  "user_id" TEXT,
  "subject" TEXT,
  "payload" TEXT NOT NULL CHECK (json_valid("payload")),
  "attempts" INTEGER NOT NULL DEFAULT 0,
  "expires_at" INTEGER NOT NULL,
  PRIMARY KEY ("purpose", "hash"),
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE INDEX "_one_time_subject" ON "_one_time" ("purpose", "subject");
CREATE INDEX "_one_time_user" ON "_one_time" ("user_id");
CREATE INDEX "_one_time_expiry" ON "_one_time" ("expires_at");
CREATE TABLE "_totps" (
  "user_id" TEXT PRIMARY KEY NOT NULL,
  "secret" TEXT NOT NULL,
  "last_step" INTEGER NOT NULL DEFAULT 0,
  "confirmed_at" INTEGER,
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE TABLE "_recovery_codes" (
  "user_id" TEXT NOT NULL,
  "hash" TEXT NOT NULL,
  PRIMARY KEY ("user_id", "hash"),
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE TABLE "_keys" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "hash" TEXT NOT NULL,
  "prefix" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "user_id" TEXT,
  "name" TEXT NOT NULL,
  "scopes" TEXT NOT NULL CHECK (json_valid("scopes")),
  "created_at" INTEGER NOT NULL,
  "expires_at" INTEGER,
  "revoked_at" INTEGER,
  "last_used_at" INTEGER,
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE
) STRICT;
CREATE UNIQUE INDEX "_keys_hash_unique" ON "_keys" ("hash");
CREATE INDEX "_keys_user" ON "_keys" ("user_id", "created_at");
CREATE TABLE "_auth_events" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  "at" INTEGER NOT NULL,
  "event" TEXT NOT NULL,
  "user_id" TEXT,
  "actor" TEXT,
  "ip" TEXT,
  "result" TEXT NOT NULL,
  "detail" TEXT CHECK (json_valid("detail"))
) STRICT;
CREATE INDEX "_auth_events_user" ON "_auth_events" ("user_id", "id");
CREATE INDEX "_auth_events_actor" ON "_auth_events" ("actor");
CREATE INDEX "_auth_events_at" ON "_auth_events" ("at");
CREATE TABLE "_mails" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "at" INTEGER NOT NULL,
  "recipient" TEXT NOT NULL,
  "purpose" TEXT NOT NULL,
  "subject" TEXT NOT NULL,
  "text" TEXT NOT NULL,
  "html" TEXT NOT NULL
) STRICT;
CREATE INDEX "_mails_recipient" ON "_mails" ("recipient", "id");
ALTER TABLE "_users" ADD COLUMN "email_verified" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "_users" ADD COLUMN "is_anonymous" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "_users" ADD COLUMN "mfa" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "_users" ADD COLUMN "banned_until" INTEGER;
ALTER TABLE "_users" ADD COLUMN "deleted_at" INTEGER;
CREATE TRIGGER "_users_version" AFTER UPDATE ON "_users"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."email", NEW."email_verified", NEW."name", NEW."roles", NEW."is_anonymous", NEW."mfa", NEW."banned_until", NEW."deleted_at") IS NOT (OLD."id", OLD."created_at", OLD."email", OLD."email_verified", OLD."name", OLD."roles", OLD."is_anonymous", OLD."mfa", OLD."banned_until", OLD."deleted_at")
BEGIN
  UPDATE "_users" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes__users_insert" AFTER INSERT ON "_users"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_users', NEW."id", 'insert', NULL, json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'email_verified', NEW."email_verified", 'roles', iif(json_valid(NEW."roles"), json(NEW."roles"), NEW."roles"), 'is_anonymous', NEW."is_anonymous", 'mfa', NEW."mfa", 'banned_until', NEW."banned_until", 'deleted_at', NEW."deleted_at"), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes__users_update" AFTER UPDATE ON "_users"
WHEN (NEW."id", NEW."created_at", NEW."email", NEW."email_verified", NEW."name", NEW."roles", NEW."is_anonymous", NEW."mfa", NEW."banned_until", NEW."deleted_at") IS NOT (OLD."id", OLD."created_at", OLD."email", OLD."email_verified", OLD."name", OLD."roles", OLD."is_anonymous", OLD."mfa", OLD."banned_until", OLD."deleted_at")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_users', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."email_verified" IS NOT NEW."email_verified", json_object('email_verified', OLD."email_verified"), NULL), iif(OLD."roles" IS NOT NEW."roles", json_object('roles', iif(json_valid(OLD."roles"), json(OLD."roles"), OLD."roles")), NULL), iif(OLD."is_anonymous" IS NOT NEW."is_anonymous", json_object('is_anonymous', OLD."is_anonymous"), NULL), iif(OLD."mfa" IS NOT NEW."mfa", json_object('mfa', OLD."mfa"), NULL), iif(OLD."banned_until" IS NOT NEW."banned_until", json_object('banned_until', OLD."banned_until"), NULL), iif(OLD."deleted_at" IS NOT NEW."deleted_at", json_object('deleted_at', OLD."deleted_at"), NULL)), json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'email_verified', NEW."email_verified", 'roles', iif(json_valid(NEW."roles"), json(NEW."roles"), NEW."roles"), 'is_anonymous', NEW."is_anonymous", 'mfa', NEW."mfa", 'banned_until', NEW."banned_until", 'deleted_at', NEW."deleted_at"), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes__users_delete" AFTER DELETE ON "_users"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_users', OLD."id", 'delete', json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'email_verified', OLD."email_verified", 'roles', iif(json_valid(OLD."roles"), json(OLD."roles"), OLD."roles"), 'is_anonymous', OLD."is_anonymous", 'mfa', OLD."mfa", 'banned_until', OLD."banned_until", 'deleted_at', OLD."deleted_at"), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
