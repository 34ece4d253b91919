package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

const (
	databaseName = "rollcall"
	// adminTimeout bounds each statement of the nemesis, and of the preparation.
	adminTimeout = 30 * time.Second
	// cutEvery is the pause between two cuts of all connections.
	cutEvery = 300 * time.Millisecond
)

// tables are those that a foreign transaction may sit on, and that may be slow.
var tables = []string{"sessions", "active_websocket_connections", "nodes", "users"}

// database is the PostgreSQL server of the run, to be broken.
type database struct {
	server *persistencetest.Server
	disk   *disk // that its tables are on; nil if one could not be made
	url    string
}

// newDatabase starts a server with an empty database, if possible on a disk that
// can be filled up.
func newDatabase(ctx context.Context, say func(string, ...any)) (*database, error) {
	s, err := persistencetest.NewServer()
	if err != nil {
		return nil, err
	}
	d := &database{server: s, url: s.URL(databaseName)}
	if d.disk, err = newDisk(s.Dir()); err != nil {
		say("the disk cannot be filled up here: %v", err)
	}
	err = s.Start()
	create := "CREATE DATABASE " + databaseName
	if err == nil && d.disk != nil {
		err = execute(ctx, s.URL("postgres"), "CREATE TABLESPACE small LOCATION '"+d.disk.mount+"'")
		create += " TABLESPACE small"
	}
	if err == nil {
		err = execute(ctx, s.URL("postgres"), create)
	}
	if err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// stop ends the server in the middle of everything, and starts it again.
func (d *database) stop(ctx context.Context, away time.Duration) error {
	if err := d.server.Stop(persistencetest.Immediate); err != nil {
		return err
	}
	rest(ctx, away)
	return d.server.Start()
}

// freeze leaves every connection open and nobody there.
func (d *database) freeze(ctx context.Context, away time.Duration) error {
	if err := d.server.Pause(); err != nil {
		return err
	}
	rest(ctx, away)
	return d.server.Resume()
}

// cut ends the connections of the servers, and those that they make again.
func (d *database) cut(ctx context.Context, times int) error {
	for range times {
		err := execute(ctx, d.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rollcall'")
		if err != nil {
			return err
		}
		rest(ctx, cutEvery)
	}
	return nil
}

// lock sits on a table, as somebody's forgotten transaction does.
func (d *database) lock(ctx context.Context, draw *rand.Rand, held time.Duration) (table string, err error) {
	table = tables[draw.IntN(len(tables))]
	return table, session(ctx, d.url, func(ctx context.Context, conn *pgx.Conn) error {
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		rest(ctx, held)
		return tx.Rollback(context.WithoutCancel(ctx))
	})
}

// close removes the server and its disk.
func (d *database) close() {
	if d.disk != nil {
		d.disk.close()
	}
	d.server.Close()
}

func execute(ctx context.Context, url, statement string) error {
	return session(ctx, url, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, statement)
		return err
	})
}

// session does something on a connection of its own.
func session(ctx context.Context, url string, do func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to the database as its administrator: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := do(ctx, conn); err != nil {
		return fmt.Errorf("administer the database: %w", err)
	}
	return nil
}
