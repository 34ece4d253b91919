package persistence

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// awayCodes are the SQLSTATEs of a PostgreSQL server that cannot answer now: too
// many connections, shut down by an operator, crashed, starting up.
var awayCodes = []string{"53300", "57P01", "57P02", "57P03"}

// Away reports whether an error of [Open] may pass by itself: nobody answers, or
// not yet. A wrong password, an unknown database or a file that cannot be opened
// are answers.
func Away(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return slices.Contains(awayCodes, e.Code)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()&0xff == sqlite3.SQLITE_BUSY // the rest is its extension
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return false
	}
	_, unreached := errors.AsType[*pgconn.ConnectError](err)
	return unreached || errors.Is(err, context.DeadlineExceeded)
}
