package persistencetest

import (
	"context"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// The steps that a fault may name in place of a part of a statement's text.
const (
	Connect  = "CONNECT"
	Begin    = "BEGIN"
	Commit   = "COMMIT"
	Rollback = "ROLLBACK"
)

// Moment is when a fault strikes.
type Moment int

// The moments.
const (
	Before Moment = iota // the database never hears of the statement
	After                // the statement took effect, and its answer is lost
	Amid                 // the answer breaks off before its first row; only queries have one
)

// Fault is what happens to the statements that it matches: first the Delay, or
// the time until the test or the context ends it, then the error. Without any of
// them it only counts.
type Fault struct {
	Statement string // a step, or a part of the text without its quotes; empty: every step and statement
	When      Moment
	Times     int // how often it strikes; 0: until it is disarmed
	Delay     time.Duration
	Until     <-chan struct{}
	Hang      bool
	Err       error
}

// Faults is a connector whose statements go wrong as a test says. To use it, put
// it between a connector and persistence.OpenConnector.
type Faults struct {
	driver.Connector
	mu    sync.Mutex
	armed []*Armed
}

// Armed is a fault that may strike.
type Armed struct {
	fault  Fault
	faults *Faults
	struck int
	over   chan struct{} // closed when it has struck for the last time
}

// NewFaults makes a connector that has no faults yet.
func NewFaults(connector driver.Connector) *Faults { return &Faults{Connector: connector} }

// Arm adds a fault. Of several that match a statement the oldest strikes.
func (f *Faults) Arm(fault Fault) *Armed {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := &Armed{fault: fault, faults: f, over: make(chan struct{})}
	f.armed = append(f.armed, a)
	return a
}

// Disarm ends a fault. A statement that it has struck already still suffers.
func (a *Armed) Disarm() {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	a.end()
}

// Over is closed when the fault has struck as often as it was to, or is disarmed.
func (a *Armed) Over() <-chan struct{} { return a.over }

// Struck is how often the fault has struck.
func (a *Armed) Struck() int {
	a.faults.mu.Lock()
	defer a.faults.mu.Unlock()
	return a.struck
}

// end disarms; the caller holds the lock.
func (a *Armed) end() {
	if i := slices.Index(a.faults.armed, a); i >= 0 {
		a.faults.armed = slices.Delete(a.faults.armed, i, i+1)
		close(a.over)
	}
}

// strike finds the fault of a statement at a moment, and counts it.
func (f *Faults) strike(statement string, when Moment) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	statement = strings.ReplaceAll(statement, `"`, "")
	for _, a := range f.armed {
		if a.fault.When == when && strings.Contains(statement, a.fault.Statement) {
			a.struck++
			if a.struck == a.fault.Times {
				a.end()
			}
			return a.fault, true
		}
	}
	return Fault{}, false
}

// suffer is what a statement goes through at a moment. The connection is broken
// if the error is not one that a database answers with.
func (f *Faults) suffer(ctx context.Context, statement string, when Moment) (broken bool, err error) {
	fault, ok := f.strike(statement, when)
	if !ok {
		return false, nil
	}
	var waited <-chan time.Time
	if fault.Delay > 0 {
		waited = time.After(fault.Delay)
	}
	if fault.Delay > 0 || fault.Until != nil || fault.Hang {
		select {
		case <-waited:
		case <-fault.Until:
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
	return fault.Err != nil && !answered(fault.Err), fault.Err
}

// answered tells what a database says, after which its connection goes on, from
// what a connection ends with.
func answered(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Severity != fatal
	}
	_, ok := errors.AsType[*sqlite.Error](err)
	return ok
}

// Connect implements [driver.Connector].
func (f *Faults) Connect(ctx context.Context) (driver.Conn, error) {
	if _, err := f.suffer(ctx, Connect, Before); err != nil {
		return nil, err
	}
	conn, err := f.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := f.suffer(ctx, Connect, After); err != nil {
		_ = conn.Close() // nobody will have it
		return nil, err
	}
	return &faultyConn{Conn: conn, faults: f}, nil
}
