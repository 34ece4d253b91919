package persistence_test

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// What passes by itself is worth waiting for. What does not must be told at
// once, or a wrong password looks like a slow start.
func TestAwayTellsSilenceFromAnAnswer(t *testing.T) {
	for err, want := range map[error]bool{
		persistencetest.PostgresError("57P01"):                         true, // shut down
		persistencetest.PostgresError("57P03"):                         true, // starting up
		persistencetest.PostgresError("53300"):                         true, // too many connections
		persistencetest.PostgresError("25006"):                         true, // read-only after a failover
		persistencetest.PostgresError("40P01"):                         true, // deadlock
		persistencetest.PostgresError("55P03"):                         true, // a lock was not to be had
		driver.ErrBadConn:                                              true,
		io.ErrUnexpectedEOF:                                            true, // cut in an answer
		&net.OpError{Op: "read", Err: syscall.ECONNRESET}:              true,
		persistencetest.PostgresError("28P01"):                         false, // wrong password
		persistencetest.PostgresError("3D000"):                         false, // no such database
		persistencetest.PostgresError("42501"):                         false, // no privilege
		persistencetest.SQLiteError(t, persistencetest.SQLiteBusy):     true,
		persistencetest.SQLiteError(t, persistencetest.SQLiteReadOnly): false,
		context.DeadlineExceeded:                                       true,
		context.Canceled:                                               false,
	} {
		if got := persistence.Away(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: away is %t, want %t", err, got, want)
		}
	}
}
