package persistence

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"github.com/uptrace/bun/schema"

	"github.com/rollcall/rollcall"
)

// Dialect is the kind of a database. Everything in which the two differ is a
// method of it.
type Dialect string

// The dialects that Rollcall speaks.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// timeFormat is how SQLite keeps a time, in UTC.
const timeFormat = "2006-01-02 15:04:05.999999-07:00"

//go:embed migrations
var migrationFiles embed.FS

// migrationLock is the key of PostgreSQL's advisory lock on the migrations. Its
// value only has to differ from the keys of other programs in the database.
const migrationLock = 0x726f6c6c63616c6c // "rollcall"

func (d Dialect) bun() schema.Dialect {
	if d == Postgres {
		return pgdialect.New()
	}
	return sqlitedialect.New()
}

func (d Dialect) conns() int {
	if d == Postgres {
		return postgresConns
	}
	return sqliteConns
}

func (d Dialect) migrations() (fs.FS, error) {
	return fs.Sub(migrationFiles, "migrations/"+string(d))
}

// clock is the time by the database. Leases are measured with it alone, so that
// a server whose own clock is wrong cannot take another one for dead.
func (d Dialect) clock(plus time.Duration) schema.QueryWithArgs {
	if d == Postgres {
		return bun.SafeQuery("clock_timestamp() + ? * interval '1 microsecond'", plus.Microseconds())
	}
	return bun.SafeQuery("strftime('%Y-%m-%d %H:%M:%f+00:00', 'now', ?)",
		fmt.Sprintf("%+.3f seconds", plus.Seconds()))
}

// milliseconds is the time between two columns, of which a part of a millisecond is
// cut off, as by [time.Duration.Milliseconds].
func (d Dialect) milliseconds(from, to string) schema.QueryWithArgs {
	if d == Postgres {
		return bun.SafeQuery("trunc(extract(epoch FROM ? - ?) * 1000)::bigint", bun.Ident(to), bun.Ident(from))
	}
	return bun.SafeQuery("(? - ?) / 1000", sqliteMicroseconds(to), sqliteMicroseconds(from))
}

// sqliteMicroseconds is a moment that was written as text, in UTC and with up to six
// digits of fraction. SQLite's own functions round it to a millisecond.
func sqliteMicroseconds(column string) schema.QueryWithArgs {
	return bun.SafeQuery("(1000000 * unixepoch(substr(?0, 1, 19)) + "+
		"CAST(round(1000000 * substr(?0, 20, instr(?0, '+') - 20)) AS INTEGER))", bun.Ident(column))
}

// upserted runs an upsert of active connections, and tells of each row whether it was
// not there before. In PostgreSQL a row that was there has been locked by the upsert,
// which stays visible in its xmax; what a query finds beforehand would not do, as others
// insert meanwhile. Only such rows come back: the others are as they were given. In
// SQLite nobody inserts meanwhile, and what is new has a greater id than all that there
// was.
func (d Dialect) upserted(
	ctx context.Context, p *parameters, upsert *bun.InsertQuery, rows []connectionRow,
) (now []connectionRow, err error) {
	if d == SQLite {
		var last int64
		err = p.tx.NewSelect().Model((*connectionRow)(nil)).ColumnExpr("coalesce(max(id), 0)").Scan(ctx, &last)
		if err == nil {
			err = upsert.Returning("email, connected_at, last_activity, id > ? AS inserted", last).Scan(ctx, &now)
		}
		return now, err
	}
	var met []connectionRow
	err = p.tx.NewSelect().Conn(p).
		With("now", upsert.Returning("email, connected_at, last_activity, c.xmax = 0 AS inserted")).
		Model(&met).ModelTableExpr("now AS c").Column("email", "connected_at", "last_activity").
		Where("NOT inserted").Scan(ctx)
	before := make(map[rollcall.Email]connectionRow, len(met))
	for _, row := range met {
		before[row.Email] = row
	}
	now = slices.Clone(rows)
	for i := range now {
		now[i].Inserted = true
		if row, ok := before[now[i].Email]; ok {
			now[i] = row
		}
	}
	return now, err
}

// touchedSize is what a touch takes in a JSON text as a rule, in bytes.
const touchedSize = 96

// touches is a table of the keys and times of rows, as a part of a statement. SQLite
// is given one JSON text: to parse values for each would take as long as to write the
// rows.
func touches[T any](p *parameters, key string, rows []T, touch func(T) (string, time.Time)) bun.Query {
	if p.postgres() {
		return values(p, rows, key, "last_activity")
	}
	text := append(make([]byte, 0, len(rows)*touchedSize), '{')
	for i, row := range rows {
		if i > 0 {
			text = append(text, ',')
		}
		key, at := touch(row)
		name, _ := json.Marshal(key) // cannot fail for a string
		text = append(append(text, name...), ':', '"')
		text = append(at.UTC().AppendFormat(text, timeFormat), '"')
	}
	return p.tx.NewRaw("SELECT key AS ?, value AS last_activity FROM json_each(?)", bun.Ident(key), string(append(text, '}')))
}

// lock makes a query lock its rows. SQLite has one writer at a time, who needs
// no locks.
func (d Dialect) lock(q *bun.SelectQuery) *bun.SelectQuery {
	if d == Postgres {
		return q.For("UPDATE")
	}
	return q
}

// lockFree makes a query lock its rows and leave out those that somebody else
// has locked, so that it never waits.
func (d Dialect) lockFree(q *bun.SelectQuery) *bun.SelectQuery {
	if d == Postgres {
		return q.For("UPDATE SKIP LOCKED")
	}
	return q
}

// snapshot makes all queries of a transaction see one moment. SQLite's do so by
// themselves once the transaction only reads.
func (d Dialect) snapshot() *sql.TxOptions {
	if d == Postgres {
		return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	}
	return &sql.TxOptions{ReadOnly: true}
}

// hasTable reports whether a table exists in the schema that statements use.
func (d Dialect) hasTable(ctx context.Context, db bun.IDB, name string) (bool, error) {
	q := db.NewSelect().TableExpr("sqlite_master").Where("type = 'table'").Where("name = ?", name)
	if d == Postgres {
		q = db.NewSelect().TableExpr("pg_tables").Where("schemaname = current_schema()").
			Where("tablename = ?", name)
	}
	n, err := q.Count(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the table %s: %w", name, err)
	}
	return n > 0, nil
}

// lockMigrations waits until no other server migrates, and returns how to let
// the next one go. PostgreSQL's advisory lock ends with its connection, so that
// a killed process cannot leave it behind, as it could a row in a table of
// locks. SQLite has nothing of the kind: there the transaction of each migration
// excludes the others, and migrationRun.check sees what they did.
func (d Dialect) lockMigrations(ctx context.Context, db *bun.DB) (unlock func(), err error) {
	if d == SQLite {
		return func() {}, nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to lock the migrations: %w", err)
	}
	if _, err := conn.NewRaw("SELECT pg_advisory_lock(?)", migrationLock).Exec(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("lock the migrations: %w", err)
	}
	return func() {
		// The migration's own context may have ended, and the connection goes
		// back to the pool: the lock must not go with it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		_, _ = conn.NewRaw("SELECT pg_advisory_unlock(?)", migrationLock).Exec(ctx)
		_ = conn.Close()
	}, nil
}
