package persistence

import (
	"context"
	"crypto/tls"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// awayCodes are the SQLSTATEs of a PostgreSQL server that cannot do it now: read-only
// after a failover, in a conflict with others, too many connections, a lock that is
// held for too long, shut down by an operator, crashed, starting up.
var awayCodes = []string{"25006", "40001", "40P01", "53300", "55P03", "57P01", "57P02", "57P03"}

// Away reports whether an error of [Open] or [Database.Join] may pass by itself:
// nobody answers, or not yet, or not any more. A wrong password, an unknown database
// or a file that cannot be opened are answers.
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
	if _, unreached := errors.AsType[*pgconn.ConnectError](err); unreached {
		return true
	}
	_, cut := errors.AsType[*net.OpError](err)
	return cut || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
