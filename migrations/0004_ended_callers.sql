CREATE TRIGGER "_changes__sessions_update" AFTER UPDATE OF revoked_at ON "_sessions"
WHEN NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL AND (min(OLD.idle_at, OLD.expires_at) > NEW.revoked_at) IS NOT FALSE
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_sessions', OLD.id, 'update', json_object('id', OLD.id, 'user_id', OLD.user_id), json_object('id', NEW.id, 'user_id', NEW.user_id), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes__sessions_delete" AFTER DELETE ON "_sessions"
WHEN OLD.revoked_at IS NULL AND (min(OLD.idle_at, OLD.expires_at) > CAST(unixepoch('subsec') * 1000 AS INTEGER)) IS NOT FALSE
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_sessions', OLD.id, 'delete', json_object('id', OLD.id, 'user_id', OLD.user_id), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes__keys_update" AFTER UPDATE OF revoked_at ON "_keys"
WHEN NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL AND (OLD.expires_at > NEW.revoked_at) IS NOT FALSE
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_keys', OLD.id, 'update', json_object('id', OLD.id, 'user_id', OLD.user_id), json_object('id', NEW.id, 'user_id', NEW.user_id), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes__keys_delete" AFTER DELETE ON "_keys"
WHEN OLD.revoked_at IS NULL AND (OLD.expires_at > CAST(unixepoch('subsec') * 1000 AS INTEGER)) IS NOT FALSE
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_keys', OLD.id, 'delete', json_object('id', OLD.id, 'user_id', OLD.user_id), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
