package main

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/rollcall/rollcall/persistence"
)

const (
	// reachTimeout is how long one attempt to reach the database may take; then
	// it counts as failed. A host that swallows packets says nothing by itself.
	reachTimeout = 5 * time.Second
	// reachLeast and reachMost bound the pause after a failed attempt, which
	// doubles with each: a database that starts is found soon, and many servers
	// that wait for one do not all come at once.
	reachLeast = 100 * time.Millisecond
	reachMost  = 2 * time.Second
	// joinTimeout is how long a server waits to take its name, behind a lock
	// perhaps; then it exits.
	joinTimeout = 15 * time.Second
	// lookTimeout is how long doctor and sweep may take.
	lookTimeout = 2 * time.Minute
)

// awaitDatabase is openDatabase for a server, which may be started before its
// database is. It waits only for what may pass by itself.
func awaitDatabase(
	ctx context.Context, url string, wait time.Duration, migrate bool, log *slog.Logger,
) (*persistence.Database, error) {
	began := time.Now()
	for pause := reachLeast; ; pause = min(2*pause, reachMost) {
		attempt, cancel := ctx, context.CancelFunc(func() {})
		if wait > 0 {
			attempt, cancel = context.WithTimeout(ctx, max(wait-time.Since(began), reachLeast))
		}
		db, err := reachDatabase(attempt, url)
		cancel()
		switch waited := time.Since(began); {
		case err == nil:
			if pause > reachLeast {
				log.Info("database answers", "after", waited.Round(time.Millisecond))
			}
			return upToDate(ctx, db, url, migrate, log)
		case !persistence.Away(err) || wait == 0:
			return nil, err
		case waited >= wait:
			return nil, fmt.Errorf("waiting for the database for %s: %w", wait, err)
		case pause == reachLeast:
			log.Warn("database away; waiting", "at_most", wait, "error", err)
		}
		select {
		case <-time.After(min(pause/2+rand.N(pause/2), time.Until(began.Add(wait)))):
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the database: %w", context.Cause(ctx))
		}
	}
}

// openAsItIs opens a database for a command that only looks or clears up: it
// makes no SQLite file and changes no schema, and does not wait for ever.
func openAsItIs(ctx context.Context, url string) (*persistence.Database, error) {
	if file, ok := strings.CutPrefix(url, "sqlite://"); ok {
		if _, err := os.Stat(file); err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
	}
	db, err := reachDatabase(ctx, url)
	if err != nil {
		return nil, err
	}
	pending, err := db.Pending(ctx)
	if err == nil && len(pending) > 0 {
		err = fmt.Errorf("the database's schema is behind by %d (%s)", len(pending), strings.Join(pending, ", "))
	}
	if err != nil {
		_ = db.Close() // the error that led here says more
		return nil, err
	}
	return db, nil
}

func reachDatabase(ctx context.Context, url string) (*persistence.Database, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	return persistence.Open(ctx, url)
}

// openDatabase opens a database whose schema is up to date. SQLite's file is
// brought there unasked, because it has one user; PostgreSQL is changed only
// when the operator says so, because other servers may run on the old schema.
func openDatabase(ctx context.Context, url string, migrate bool, log *slog.Logger) (*persistence.Database, error) {
	db, err := persistence.Open(ctx, url)
	if err != nil {
		return nil, err
	}
	return upToDate(ctx, db, url, migrate, log)
}

// upToDate returns the database, or closes it.
func upToDate(
	ctx context.Context, db *persistence.Database, url string, migrate bool, log *slog.Logger,
) (*persistence.Database, error) {
	if err := bringUpToDate(ctx, db, migrate || strings.HasPrefix(url, "sqlite:"), log); err != nil {
		_ = db.Close() // the error that led here says more
		return nil, err
	}
	return db, nil
}

func bringUpToDate(ctx context.Context, db *persistence.Database, migrate bool, log *slog.Logger) error {
	pending, err := db.Pending(ctx)
	switch {
	case err != nil:
		return err
	case len(pending) == 0:
		return nil
	case !migrate:
		return fmt.Errorf("the database's schema is behind by %d (%s): run \"rollcall migrate up\" first",
			len(pending), strings.Join(pending, ", "))
	}
	applied, err := db.Migrate(ctx)
	if len(applied) > 0 {
		log.Info("database migrated", "applied", applied)
	}
	return err
}
