// Package persistence keeps what Rollcall knows in a database: users and their
// API tokens, the nodes that run, the sessions of each, and the table of active
// connections that is their projection. It is the only package that speaks to
// Bun. PostgreSQL and SQLite run the same statements; the few that differ are
// written in dialect.go.
package persistence

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"
)

// The pools are bounded: a caller who finds all connections taken waits for one
// until its context ends.
const (
	// postgresConns is enough for the writer, the sweeper and the token checks
	// of one server, and leaves room in the 100 that PostgreSQL allows by
	// default.
	postgresConns = 8
	// sqliteConns is one writer and its concurrent readers.
	sqliteConns = 4
	// connLifetime makes a pool follow a database that has moved.
	connLifetime = 30 * time.Minute
)

// Database is a pool of connections to one database.
type Database struct {
	bun     *bun.DB
	dialect Dialect
}

// Open connects to sqlite://relative.db, sqlite:///absolute.db or
// postgres://user:password@host/name, and fails if nobody answers there before
// the context ends. It never prints the password.
func Open(ctx context.Context, url string) (*Database, error) {
	connector, dialect, err := NewConnector(url)
	if err != nil {
		return nil, err
	}
	d := OpenConnector(connector, dialect)
	if err := d.Ping(ctx); err != nil {
		_ = d.Close()          // nothing was written
		if dialect == SQLite { // PostgreSQL's errors name the server, SQLite's no file
			err = fmt.Errorf("open %s: %w", url, err)
		}
		return nil, err
	}
	return d, nil
}

// OpenConnector uses connections that the caller makes, which lets a test put
// its faults between the pool and the database. It does not connect yet.
func OpenConnector(connector driver.Connector, dialect Dialect) *Database {
	pool := sql.OpenDB(connector)
	conns := dialect.conns()
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxLifetime(connLifetime)
	return &Database{bun: bun.NewDB(pool, dialect.bun()), dialect: dialect}
}

// Close closes the pool after the statements that are running.
func (d *Database) Close() error {
	if err := d.bun.Close(); err != nil {
		return fmt.Errorf("close the %s database: %w", d.dialect, err)
	}
	return nil
}

// Ping fails when the database does not answer before the context ends.
func (d *Database) Ping(ctx context.Context) error {
	if err := d.bun.PingContext(ctx); err != nil {
		return fmt.Errorf("reach the %s database: %w", d.dialect, err)
	}
	return nil
}

// transact runs fn in one transaction, which it commits if fn succeeds. On
// SQLite the transaction holds the write lock from its beginning.
func (d *Database) transact(ctx context.Context, fn func(context.Context, bun.Tx) error) error {
	err := d.bun.RunInTx(ctx, nil, fn)
	if isReadOnly(err) {
		d.dropIdle()
	}
	return err
}

// isReadOnly recognizes a connection that may not write, which it may never do:
// it leads to a server that is no primary any more, or was made when the default
// was to read only.
func isReadOnly(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "25006"
}

// dropIdle closes the connections that nobody uses at this moment, so that the
// next ones lead to where the database is now.
func (d *Database) dropIdle() {
	d.bun.SetMaxIdleConns(0)
	d.bun.SetMaxIdleConns(d.dialect.conns())
}

// now is the time to be written, in UTC and in the microseconds that both
// databases can keep.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// affected is how many rows a statement wrote. Both drivers always know.
func affected(result sql.Result) int {
	count, _ := result.RowsAffected()
	return int(count)
}
