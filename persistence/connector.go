package persistence

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

const (
	// sqliteBusyTimeout is how long a connection waits for the write lock
	// before its statement fails as busy.
	sqliteBusyTimeout = 5 * time.Second
	// postgresIdleInTransaction is after how long PostgreSQL ends a transaction
	// whose client says nothing more. A server that is frozen in the middle of a
	// commit would otherwise hold its row locks, and with them every other
	// server that has the same users, for as long as it is frozen.
	postgresIdleInTransaction = 5 * time.Second
)

// errDatabaseURL repeats nothing of the URL, because a password may stand
// anywhere in one that is malformed.
var errDatabaseURL = errors.New("the database URL must be sqlite://FILE or postgres://USER:PASSWORD@HOST:PORT/NAME")

// NewConnector makes the connector that [Open] uses for a database URL.
func NewConnector(databaseURL string) (driver.Connector, Dialect, error) {
	scheme, rest, _ := strings.Cut(databaseURL, "://")
	switch scheme {
	case "sqlite":
		connector, err := sqliteConnector(rest)
		return connector, SQLite, err
	case "postgres", "postgresql":
		connector, err := postgresConnector(databaseURL)
		return connector, Postgres, err
	default:
		return nil, "", errDatabaseURL
	}
}

// sqliteConnector takes the file's name as it is. A database in memory is
// refused, because every connection of the pool would have one of its own.
func sqliteConnector(file string) (driver.Connector, error) {
	if file == "" || strings.HasPrefix(path.Clean(file), ":memory:") {
		return nil, errDatabaseURL
	}
	settings := url.Values{
		"_busy_timeout": {strconv.FormatInt(sqliteBusyTimeout.Milliseconds(), 10)},
		"_journal_mode": {"WAL"},    // readers go on while one writes
		"_synchronous":  {"NORMAL"}, // with WAL, a loss of power may lose the last commits, never the file
		"_foreign_keys": {"on"},
		"_txlock":       {"immediate"}, // a transaction that upgrades from reading could fail in its middle
		"_timezone":     {"UTC"},
		"_dqs":          {"false"}, // a misspelt column is an error, not a text
	}
	name := url.URL{Path: path.Clean(file)}
	connector, err := sqlite.NewConnector("file:" + name.EscapedPath() + "?" + settings.Encode())
	if err != nil {
		return nil, fmt.Errorf("open the SQLite file %s: %w", file, err)
	}
	return connector, nil
}

// postgresConnector overrides what the statements rely on, whatever the server
// or the role has as its default.
func postgresConnector(databaseURL string) (driver.Connector, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errDatabaseURL
	}
	// Bun writes arguments into the text of a statement, so that each text is
	// new: to prepare and cache them would cost a round trip and memory, and
	// bring nothing. Statements with [parameters] say otherwise for themselves.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.RuntimeParams["standard_conforming_strings"] = "on" // Bun leaves a backslash as it is
	config.RuntimeParams["idle_in_transaction_session_timeout"] =
		strconv.FormatInt(postgresIdleInTransaction.Milliseconds(), 10)
	// Statements find their rows by an index. A plan that is kept may have been made
	// while a table was empty, and would go on reading all of it: no planner chooses
	// that here, or takes a statement that must for one that is worth compiling.
	config.RuntimeParams["enable_seqscan"] = "off"
	config.RuntimeParams["jit"] = "off"
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "rollcall"
	}
	return stdlib.GetConnector(*config), nil
}
