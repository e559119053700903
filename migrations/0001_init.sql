CREATE TABLE "_users" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "email" TEXT,
  "name" TEXT,
  "roles" TEXT NOT NULL DEFAULT '[]' CHECK (json_valid("roles"))
) STRICT;
CREATE UNIQUE INDEX "_users_email_unique" ON "_users" ("email");
CREATE TABLE "_meta" (
  "key" TEXT PRIMARY KEY NOT NULL,
  "value" TEXT NOT NULL
) STRICT;
CREATE TABLE "_changes" (
  "seq" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  "table_name" TEXT NOT NULL,
  "record_id" TEXT NOT NULL,
  "op" TEXT NOT NULL,
  "before" TEXT,
  "after" TEXT,
  "at" INTEGER NOT NULL
) STRICT;
CREATE INDEX "_changes_at" ON "_changes" ("at");
CREATE TABLE "_idempotency" (
  "scope" TEXT NOT NULL,
  "key" TEXT NOT NULL,
  "fingerprint" TEXT NOT NULL,
  "status" INTEGER,
  "body" TEXT,
  "created_at" INTEGER NOT NULL,
  PRIMARY KEY ("scope", "key")
) STRICT;
CREATE INDEX "_idempotency_created" ON "_idempotency" ("created_at");
CREATE TABLE "_signing_keys" (
  "kid" TEXT PRIMARY KEY NOT NULL,
  "alg" TEXT NOT NULL,
  "public_jwk" TEXT NOT NULL,
  "private_jwk" TEXT NOT NULL,
  "signs_from" INTEGER NOT NULL,
  "retired_at" INTEGER
) STRICT;
CREATE TABLE "directors" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "name" TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX "directors_name_unique" ON "directors" ("name");
CREATE TABLE "films" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "title" TEXT NOT NULL,
  "year" INTEGER,
  "released_on" TEXT,
  "genre" TEXT,
  "creative_type" TEXT,
  "source" TEXT,
  "distributor" TEXT,
  "mpaa_rating" TEXT,
  "running_minutes" INTEGER,
  "rating" REAL,
  "votes" INTEGER,
  "tomatoes" INTEGER,
  "budget" INTEGER,
  "worldwide_gross" INTEGER,
  "us_gross" INTEGER,
  "dvd_sales" INTEGER,
  "director_id" TEXT,
  "price_cents" INTEGER NOT NULL,
  "stock" INTEGER NOT NULL,
  FOREIGN KEY ("director_id") REFERENCES "directors" ("id"),
  CONSTRAINT "price_not_negative" CHECK ("price_cents" >= 0),
  CONSTRAINT "stock_left" CHECK ("stock" >= 0)
) STRICT;
CREATE INDEX "films_by_rating" ON "films" ("rating" desc, "title", "id");
CREATE INDEX "films_by_title" ON "films" ("title", "id");
CREATE INDEX "films_by_year" ON "films" ("year" desc, "title", "id");
CREATE INDEX "films_by_price" ON "films" ("price_cents", "title", "id");
CREATE INDEX "films_by_creation" ON "films" ("created_at", "id");
CREATE INDEX "films_by_genre" ON "films" ("genre", "rating" desc, "title", "id");
CREATE INDEX "films_by_director" ON "films" ("director_id", "created_at", "id");
CREATE TABLE "cart" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "user_id" TEXT NOT NULL,
  "film_id" TEXT NOT NULL,
  "quantity" INTEGER NOT NULL,
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id") ON DELETE CASCADE,
  FOREIGN KEY ("film_id") REFERENCES "films" ("id") ON DELETE CASCADE,
  CONSTRAINT "at_least_one" CHECK ("quantity" > 0)
) STRICT;
CREATE UNIQUE INDEX "cart_one_line_per_film" ON "cart" ("user_id", "film_id");
CREATE INDEX "cart_by_user" ON "cart" ("user_id", "created_at", "id");
CREATE INDEX "cart_by_film" ON "cart" ("film_id");
CREATE TABLE "orders" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "user_id" TEXT NOT NULL,
  "state" TEXT NOT NULL DEFAULT 'pending',
  "total_cents" INTEGER NOT NULL,
  FOREIGN KEY ("user_id") REFERENCES "_users" ("id")
) STRICT;
CREATE INDEX "orders_by_user" ON "orders" ("user_id", "created_at", "id");
CREATE INDEX "orders_by_creation" ON "orders" ("created_at", "id");
CREATE TABLE "order_items" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "order_id" TEXT NOT NULL,
  "film_id" TEXT NOT NULL,
  "quantity" INTEGER NOT NULL,
  "price_cents" INTEGER NOT NULL,
  FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE CASCADE,
  FOREIGN KEY ("film_id") REFERENCES "films" ("id")
) STRICT;
CREATE INDEX "order_items_by_order" ON "order_items" ("order_id", "created_at", "id");
CREATE INDEX "order_items_by_film" ON "order_items" ("film_id");
CREATE INDEX "order_items_by_creation" ON "order_items" ("created_at", "id");
CREATE TABLE "reviews" (
  "id" TEXT PRIMARY KEY NOT NULL,
  "created_at" INTEGER NOT NULL,
  "updated_at" INTEGER NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 1,
  "film_id" TEXT NOT NULL,
  "author_id" TEXT NOT NULL,
  "stars" INTEGER NOT NULL,
  "body" TEXT NOT NULL DEFAULT '',
  "hidden" INTEGER NOT NULL DEFAULT 0,
  FOREIGN KEY ("film_id") REFERENCES "films" ("id") ON DELETE CASCADE,
  FOREIGN KEY ("author_id") REFERENCES "_users" ("id") ON DELETE CASCADE,
  CONSTRAINT "one_to_five_stars" CHECK ("stars" between 1 and 5)
) STRICT;
CREATE UNIQUE INDEX "reviews_one_per_author" ON "reviews" ("film_id", "author_id");
CREATE INDEX "reviews_by_film" ON "reviews" ("film_id", "created_at", "id");
CREATE INDEX "reviews_by_author" ON "reviews" ("author_id", "created_at", "id");
CREATE INDEX "reviews_by_creation" ON "reviews" ("created_at", "id");
CREATE VIRTUAL TABLE "directors_fts" USING fts5("name", content="directors", content_rowid='rowid', tokenize="unicode61 remove_diacritics 2", prefix='2 3');
CREATE VIRTUAL TABLE "films_fts" USING fts5("title", content="films", content_rowid='rowid', tokenize="unicode61 remove_diacritics 2", prefix='2 3');
CREATE TRIGGER "_users_version" AFTER UPDATE ON "_users"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."email", NEW."name", NEW."roles") IS NOT (OLD."id", OLD."created_at", OLD."email", OLD."name", OLD."roles")
BEGIN
  UPDATE "_users" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes__users_insert" AFTER INSERT ON "_users"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_users', NEW."id", 'insert', NULL, json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'email', NEW."email", 'name', NEW."name", 'roles', iif(json_valid(NEW."roles"), json(NEW."roles"), NEW."roles")), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes__users_update" AFTER UPDATE ON "_users"
WHEN (NEW."id", NEW."created_at", NEW."email", NEW."name", NEW."roles") IS NOT (OLD."id", OLD."created_at", OLD."email", OLD."name", OLD."roles")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_users', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."email" IS NOT NEW."email", json_object('email', OLD."email"), NULL), iif(OLD."name" IS NOT NEW."name", json_object('name', OLD."name"), NULL), iif(OLD."roles" IS NOT NEW."roles", json_object('roles', iif(json_valid(OLD."roles"), json(OLD."roles"), OLD."roles")), NULL)), json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'email', NEW."email", 'name', NEW."name", 'roles', iif(json_valid(NEW."roles"), json(NEW."roles"), NEW."roles")), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes__users_delete" AFTER DELETE ON "_users"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('_users', OLD."id", 'delete', json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'email', OLD."email", 'name', OLD."name", 'roles', iif(json_valid(OLD."roles"), json(OLD."roles"), OLD."roles")), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "directors_version" AFTER UPDATE ON "directors"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."name") IS NOT (OLD."id", OLD."created_at", OLD."name")
BEGIN
  UPDATE "directors" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes_directors_insert" AFTER INSERT ON "directors"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('directors', NEW."id", 'insert', NULL, json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'name', NEW."name"), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_directors_update" AFTER UPDATE ON "directors"
WHEN (NEW."id", NEW."created_at", NEW."name") IS NOT (OLD."id", OLD."created_at", OLD."name")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('directors', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."name" IS NOT NEW."name", json_object('name', OLD."name"), NULL)), json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'name', NEW."name"), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_directors_delete" AFTER DELETE ON "directors"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('directors', OLD."id", 'delete', json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'name', OLD."name"), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "directors_fts_insert" AFTER INSERT ON "directors"
BEGIN
  INSERT INTO "directors_fts" (rowid, "name") VALUES (NEW.rowid, NEW."name");
END;
CREATE TRIGGER "directors_fts_delete" AFTER DELETE ON "directors"
BEGIN
  INSERT INTO "directors_fts" ("directors_fts", rowid, "name") VALUES ('delete', OLD.rowid, OLD."name");
END;
CREATE TRIGGER "directors_fts_update" AFTER UPDATE OF "name" ON "directors"
BEGIN
  INSERT INTO "directors_fts" ("directors_fts", rowid, "name") VALUES ('delete', OLD.rowid, OLD."name");
  INSERT INTO "directors_fts" (rowid, "name") VALUES (NEW.rowid, NEW."name");
END;
CREATE TRIGGER "films_version" AFTER UPDATE ON "films"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."title", NEW."year", NEW."released_on", NEW."genre", NEW."creative_type", NEW."source", NEW."distributor", NEW."mpaa_rating", NEW."running_minutes", NEW."rating", NEW."votes", NEW."tomatoes", NEW."budget", NEW."worldwide_gross", NEW."us_gross", NEW."dvd_sales", NEW."director_id", NEW."price_cents", NEW."stock") IS NOT (OLD."id", OLD."created_at", OLD."title", OLD."year", OLD."released_on", OLD."genre", OLD."creative_type", OLD."source", OLD."distributor", OLD."mpaa_rating", OLD."running_minutes", OLD."rating", OLD."votes", OLD."tomatoes", OLD."budget", OLD."worldwide_gross", OLD."us_gross", OLD."dvd_sales", OLD."director_id", OLD."price_cents", OLD."stock")
BEGIN
  UPDATE "films" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes_films_insert" AFTER INSERT ON "films"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('films', NEW."id", 'insert', NULL, json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'title', NEW."title", 'year', NEW."year", 'released_on', NEW."released_on", 'genre', NEW."genre", 'creative_type', NEW."creative_type", 'source', NEW."source", 'distributor', NEW."distributor", 'mpaa_rating', NEW."mpaa_rating", 'running_minutes', NEW."running_minutes", 'rating', NEW."rating", 'votes', NEW."votes", 'tomatoes', NEW."tomatoes"), json_object('budget', NEW."budget", 'worldwide_gross', NEW."worldwide_gross", 'us_gross', NEW."us_gross", 'dvd_sales', NEW."dvd_sales", 'director_id', NEW."director_id", 'price_cents', NEW."price_cents", 'stock', NEW."stock")), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_films_update" AFTER UPDATE ON "films"
WHEN (NEW."id", NEW."created_at", NEW."title", NEW."year", NEW."released_on", NEW."genre", NEW."creative_type", NEW."source", NEW."distributor", NEW."mpaa_rating", NEW."running_minutes", NEW."rating", NEW."votes", NEW."tomatoes", NEW."budget", NEW."worldwide_gross", NEW."us_gross", NEW."dvd_sales", NEW."director_id", NEW."price_cents", NEW."stock") IS NOT (OLD."id", OLD."created_at", OLD."title", OLD."year", OLD."released_on", OLD."genre", OLD."creative_type", OLD."source", OLD."distributor", OLD."mpaa_rating", OLD."running_minutes", OLD."rating", OLD."votes", OLD."tomatoes", OLD."budget", OLD."worldwide_gross", OLD."us_gross", OLD."dvd_sales", OLD."director_id", OLD."price_cents", OLD."stock")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('films', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."title" IS NOT NEW."title", json_object('title', OLD."title"), NULL), iif(OLD."year" IS NOT NEW."year", json_object('year', OLD."year"), NULL), iif(OLD."released_on" IS NOT NEW."released_on", json_object('released_on', OLD."released_on"), NULL), iif(OLD."genre" IS NOT NEW."genre", json_object('genre', OLD."genre"), NULL), iif(OLD."creative_type" IS NOT NEW."creative_type", json_object('creative_type', OLD."creative_type"), NULL), iif(OLD."source" IS NOT NEW."source", json_object('source', OLD."source"), NULL), iif(OLD."distributor" IS NOT NEW."distributor", json_object('distributor', OLD."distributor"), NULL), iif(OLD."mpaa_rating" IS NOT NEW."mpaa_rating", json_object('mpaa_rating', OLD."mpaa_rating"), NULL), iif(OLD."running_minutes" IS NOT NEW."running_minutes", json_object('running_minutes', OLD."running_minutes"), NULL), iif(OLD."rating" IS NOT NEW."rating", json_object('rating', OLD."rating"), NULL), iif(OLD."votes" IS NOT NEW."votes", json_object('votes', OLD."votes"), NULL), iif(OLD."tomatoes" IS NOT NEW."tomatoes", json_object('tomatoes', OLD."tomatoes"), NULL), iif(OLD."budget" IS NOT NEW."budget", json_object('budget', OLD."budget"), NULL), iif(OLD."worldwide_gross" IS NOT NEW."worldwide_gross", json_object('worldwide_gross', OLD."worldwide_gross"), NULL), iif(OLD."us_gross" IS NOT NEW."us_gross", json_object('us_gross', OLD."us_gross"), NULL), iif(OLD."dvd_sales" IS NOT NEW."dvd_sales", json_object('dvd_sales', OLD."dvd_sales"), NULL), iif(OLD."director_id" IS NOT NEW."director_id", json_object('director_id', OLD."director_id"), NULL), iif(OLD."price_cents" IS NOT NEW."price_cents", json_object('price_cents', OLD."price_cents"), NULL), iif(OLD."stock" IS NOT NEW."stock", json_object('stock', OLD."stock"), NULL)), json_array(json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'title', NEW."title", 'year', NEW."year", 'released_on', NEW."released_on", 'genre', NEW."genre", 'creative_type', NEW."creative_type", 'source', NEW."source", 'distributor', NEW."distributor", 'mpaa_rating', NEW."mpaa_rating", 'running_minutes', NEW."running_minutes", 'rating', NEW."rating", 'votes', NEW."votes", 'tomatoes', NEW."tomatoes"), json_object('budget', NEW."budget", 'worldwide_gross', NEW."worldwide_gross", 'us_gross', NEW."us_gross", 'dvd_sales', NEW."dvd_sales", 'director_id', NEW."director_id", 'price_cents', NEW."price_cents", 'stock', NEW."stock")), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_films_delete" AFTER DELETE ON "films"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('films', OLD."id", 'delete', json_array(json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'title', OLD."title", 'year', OLD."year", 'released_on', OLD."released_on", 'genre', OLD."genre", 'creative_type', OLD."creative_type", 'source', OLD."source", 'distributor', OLD."distributor", 'mpaa_rating', OLD."mpaa_rating", 'running_minutes', OLD."running_minutes", 'rating', OLD."rating", 'votes', OLD."votes", 'tomatoes', OLD."tomatoes"), json_object('budget', OLD."budget", 'worldwide_gross', OLD."worldwide_gross", 'us_gross', OLD."us_gross", 'dvd_sales', OLD."dvd_sales", 'director_id', OLD."director_id", 'price_cents', OLD."price_cents", 'stock', OLD."stock")), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "films_fts_insert" AFTER INSERT ON "films"
BEGIN
  INSERT INTO "films_fts" (rowid, "title") VALUES (NEW.rowid, NEW."title");
END;
CREATE TRIGGER "films_fts_delete" AFTER DELETE ON "films"
BEGIN
  INSERT INTO "films_fts" ("films_fts", rowid, "title") VALUES ('delete', OLD.rowid, OLD."title");
END;
CREATE TRIGGER "films_fts_update" AFTER UPDATE OF "title" ON "films"
BEGIN
  INSERT INTO "films_fts" ("films_fts", rowid, "title") VALUES ('delete', OLD.rowid, OLD."title");
  INSERT INTO "films_fts" (rowid, "title") VALUES (NEW.rowid, NEW."title");
END;
CREATE TRIGGER "cart_version" AFTER UPDATE ON "cart"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."user_id", NEW."film_id", NEW."quantity") IS NOT (OLD."id", OLD."created_at", OLD."user_id", OLD."film_id", OLD."quantity")
BEGIN
  UPDATE "cart" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes_cart_insert" AFTER INSERT ON "cart"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('cart', NEW."id", 'insert', NULL, json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'user_id', NEW."user_id", 'film_id', NEW."film_id", 'quantity', NEW."quantity"), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_cart_update" AFTER UPDATE ON "cart"
WHEN (NEW."id", NEW."created_at", NEW."user_id", NEW."film_id", NEW."quantity") IS NOT (OLD."id", OLD."created_at", OLD."user_id", OLD."film_id", OLD."quantity")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('cart', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."user_id" IS NOT NEW."user_id", json_object('user_id', OLD."user_id"), NULL), iif(OLD."film_id" IS NOT NEW."film_id", json_object('film_id', OLD."film_id"), NULL), iif(OLD."quantity" IS NOT NEW."quantity", json_object('quantity', OLD."quantity"), NULL)), json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'user_id', NEW."user_id", 'film_id', NEW."film_id", 'quantity', NEW."quantity"), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_cart_delete" AFTER DELETE ON "cart"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('cart', OLD."id", 'delete', json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'user_id', OLD."user_id", 'film_id', OLD."film_id", 'quantity', OLD."quantity"), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "orders_version" AFTER UPDATE ON "orders"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."user_id", NEW."state", NEW."total_cents") IS NOT (OLD."id", OLD."created_at", OLD."user_id", OLD."state", OLD."total_cents")
BEGIN
  UPDATE "orders" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes_orders_insert" AFTER INSERT ON "orders"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('orders', NEW."id", 'insert', NULL, json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'user_id', NEW."user_id", 'state', NEW."state", 'total_cents', NEW."total_cents"), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_orders_update" AFTER UPDATE ON "orders"
WHEN (NEW."id", NEW."created_at", NEW."user_id", NEW."state", NEW."total_cents") IS NOT (OLD."id", OLD."created_at", OLD."user_id", OLD."state", OLD."total_cents")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('orders', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."user_id" IS NOT NEW."user_id", json_object('user_id', OLD."user_id"), NULL), iif(OLD."state" IS NOT NEW."state", json_object('state', OLD."state"), NULL), iif(OLD."total_cents" IS NOT NEW."total_cents", json_object('total_cents', OLD."total_cents"), NULL)), json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'user_id', NEW."user_id", 'state', NEW."state", 'total_cents', NEW."total_cents"), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_orders_delete" AFTER DELETE ON "orders"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('orders', OLD."id", 'delete', json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'user_id', OLD."user_id", 'state', OLD."state", 'total_cents', OLD."total_cents"), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "order_items_version" AFTER UPDATE ON "order_items"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."order_id", NEW."film_id", NEW."quantity", NEW."price_cents") IS NOT (OLD."id", OLD."created_at", OLD."order_id", OLD."film_id", OLD."quantity", OLD."price_cents")
BEGIN
  UPDATE "order_items" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes_order_items_insert" AFTER INSERT ON "order_items"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('order_items', NEW."id", 'insert', NULL, json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'order_id', NEW."order_id", 'film_id', NEW."film_id", 'quantity', NEW."quantity", 'price_cents', NEW."price_cents"), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_order_items_update" AFTER UPDATE ON "order_items"
WHEN (NEW."id", NEW."created_at", NEW."order_id", NEW."film_id", NEW."quantity", NEW."price_cents") IS NOT (OLD."id", OLD."created_at", OLD."order_id", OLD."film_id", OLD."quantity", OLD."price_cents")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('order_items', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."order_id" IS NOT NEW."order_id", json_object('order_id', OLD."order_id"), NULL), iif(OLD."film_id" IS NOT NEW."film_id", json_object('film_id', OLD."film_id"), NULL), iif(OLD."quantity" IS NOT NEW."quantity", json_object('quantity', OLD."quantity"), NULL), iif(OLD."price_cents" IS NOT NEW."price_cents", json_object('price_cents', OLD."price_cents"), NULL)), json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'order_id', NEW."order_id", 'film_id', NEW."film_id", 'quantity', NEW."quantity", 'price_cents', NEW."price_cents"), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_order_items_delete" AFTER DELETE ON "order_items"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('order_items', OLD."id", 'delete', json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'order_id', OLD."order_id", 'film_id', OLD."film_id", 'quantity', OLD."quantity", 'price_cents', OLD."price_cents"), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "reviews_version" AFTER UPDATE ON "reviews"
WHEN NEW."version" = OLD."version" AND (NEW."id", NEW."created_at", NEW."film_id", NEW."author_id", NEW."stars", NEW."body", NEW."hidden") IS NOT (OLD."id", OLD."created_at", OLD."film_id", OLD."author_id", OLD."stars", OLD."body", OLD."hidden")
BEGIN
  UPDATE "reviews" SET "version" = OLD."version" + 1, "updated_at" = CAST(unixepoch('subsec') * 1000 AS INTEGER) WHERE "id" = NEW."id";
END;
CREATE TRIGGER "_changes_reviews_insert" AFTER INSERT ON "reviews"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('reviews', NEW."id", 'insert', NULL, json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'film_id', NEW."film_id", 'author_id', NEW."author_id", 'stars', NEW."stars", 'body', NEW."body", 'hidden', NEW."hidden"), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_reviews_update" AFTER UPDATE ON "reviews"
WHEN (NEW."id", NEW."created_at", NEW."film_id", NEW."author_id", NEW."stars", NEW."body", NEW."hidden") IS NOT (OLD."id", OLD."created_at", OLD."film_id", OLD."author_id", OLD."stars", OLD."body", OLD."hidden")
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('reviews', NEW."id", 'update', json_array(json_object('id', OLD."id", 'version', OLD."version", 'updated_at', OLD."updated_at"), iif(OLD."created_at" IS NOT NEW."created_at", json_object('created_at', OLD."created_at"), NULL), iif(OLD."film_id" IS NOT NEW."film_id", json_object('film_id', OLD."film_id"), NULL), iif(OLD."author_id" IS NOT NEW."author_id", json_object('author_id', OLD."author_id"), NULL), iif(OLD."stars" IS NOT NEW."stars", json_object('stars', OLD."stars"), NULL), iif(OLD."body" IS NOT NEW."body", json_object('body', OLD."body"), NULL), iif(OLD."hidden" IS NOT NEW."hidden", json_object('hidden', OLD."hidden"), NULL)), json_array(json_object('id', NEW."id", 'created_at', NEW."created_at", 'updated_at', NEW."updated_at", 'version', NEW."version", 'film_id', NEW."film_id", 'author_id', NEW."author_id", 'stars', NEW."stars", 'body', NEW."body", 'hidden', NEW."hidden"), iif(NEW."version" = OLD."version", json_object('version', OLD."version" + 1, 'updated_at', CAST(unixepoch('subsec') * 1000 AS INTEGER)), NULL)), CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
CREATE TRIGGER "_changes_reviews_delete" AFTER DELETE ON "reviews"
BEGIN
  INSERT INTO _changes (table_name, record_id, op, before, after, at) VALUES ('reviews', OLD."id", 'delete', json_object('id', OLD."id", 'created_at', OLD."created_at", 'updated_at', OLD."updated_at", 'version', OLD."version", 'film_id', OLD."film_id", 'author_id', OLD."author_id", 'stars', OLD."stars", 'body', OLD."body", 'hidden', OLD."hidden"), NULL, CAST(unixepoch('subsec') * 1000 AS INTEGER));
END;
INSERT INTO _meta (key, value) VALUES ('epoch', printf('%012x', CAST(unixepoch('subsec') * 1000 AS INTEGER)) || lower(hex(randomblob(10))));
