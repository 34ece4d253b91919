package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/rollcall/rollcall/persistence"
)

const (
	// reachTimeout is how long one attempt to reach the database may take; then
	// it counts as failed. A host that swallows packets says nothing by itself.
	reachTimeout = 5 * time.Second
	// lookTimeout is how long doctor and sweep may take.
	lookTimeout = 2 * time.Minute
)

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
	if err := bringUpToDate(ctx, db, mayMigrate(url, migrate), log); err != nil {
		_ = db.Close() // the error that led here says more
		return nil, err
	}
	return db, nil
}

func mayMigrate(url string, asked bool) bool { return asked || strings.HasPrefix(url, "sqlite:") }

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
