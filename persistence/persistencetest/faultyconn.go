package persistencetest

import (
	"context"
	"database/sql/driver"
)

// faultyConn is a connection with faults. It passes on what both drivers can do
// beyond [driver.Conn]. Once it is broken the pool throws it away, and with it
// the transaction that may be open.
type faultyConn struct {
	driver.Conn
	faults *Faults
	broken bool
}

// around runs a statement between the faults before and after it. When it took
// effect and its answer is lost, undo takes back what the caller cannot.
func (c *faultyConn) around(ctx context.Context, statement string, run func() error, undo func()) error {
	if err := c.suffer(ctx, statement, Before); err != nil {
		return err
	}
	if err := run(); err != nil {
		return err
	}
	err := c.suffer(ctx, statement, After)
	if err != nil {
		undo()
	}
	return err
}

func (c *faultyConn) suffer(ctx context.Context, statement string, when Moment) error {
	broken, err := c.faults.suffer(ctx, statement, when)
	c.broken = c.broken || broken
	return err
}

// BeginTx implements [driver.ConnBeginTx].
func (c *faultyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (tx driver.Tx, err error) {
	err = c.around(ctx, Begin, func() error {
		tx, err = c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
		return err
	}, func() { _ = tx.Rollback() }) // the caller knows of none
	if err != nil {
		return nil, err
	}
	return &faultyTx{tx, c, ctx}, nil
}

// ExecContext implements [driver.ExecerContext].
func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Result, err error) {
	err = c.around(ctx, query, func() error {
		r, err = c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
		return err
	}, func() {})
	return r, err
}

// QueryContext implements [driver.QueryerContext].
func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.around(ctx, query, func() error {
		rows, err = c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
		return err
	}, func() { _ = rows.Close() }) // nobody will read them
	if err != nil {
		return nil, err
	}
	if err := c.suffer(ctx, query, Amid); err != nil {
		return brokenRows{rows, err}, nil
	}
	return rows, nil
}

// PrepareContext implements [driver.ConnPrepareContext].
func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	return c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
}

// Ping implements [driver.Pinger].
func (c *faultyConn) Ping(ctx context.Context) error { return c.Conn.(driver.Pinger).Ping(ctx) }

// ResetSession implements [driver.SessionResetter].
func (c *faultyConn) ResetSession(ctx context.Context) error {
	return c.Conn.(driver.SessionResetter).ResetSession(ctx)
}

// IsValid implements [driver.Validator].
func (c *faultyConn) IsValid() bool {
	v, ok := c.Conn.(driver.Validator)
	return !c.broken && (!ok || v.IsValid())
}

// CheckNamedValue implements [driver.NamedValueChecker].
func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if checker, ok := c.Conn.(driver.NamedValueChecker); ok {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

// faultyTx is a transaction with faults.
type faultyTx struct {
	driver.Tx
	conn *faultyConn
	ctx  context.Context
}

// Commit rolls back when it fails before it took effect, as a database does: the
// pool asks no more.
func (tx *faultyTx) Commit() error {
	took := false
	err := tx.conn.around(tx.ctx, Commit, func() error {
		took = true
		return tx.Tx.Commit()
	}, func() {})
	if !took {
		_ = tx.Tx.Rollback() // the error that led here says more
	}
	return err
}

// Rollback that fails breaks the connection, which ends the transaction.
func (tx *faultyTx) Rollback() error {
	err := tx.conn.around(tx.ctx, Rollback, tx.Tx.Rollback, func() {})
	tx.conn.broken = tx.conn.broken || err != nil
	return err
}

// brokenRows has the columns of an answer and none of its rows.
type brokenRows struct {
	driver.Rows
	err error
}

// Next implements [driver.Rows].
func (r brokenRows) Next([]driver.Value) error { return r.err }
