package persistence

import (
	"context"
	"database/sql"
	"reflect"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"
)

// parameters are the rows and lists of one statement. In PostgreSQL each column of
// them is an array that goes beside the statement, whose text is then always the
// same: it is parsed and planned once for a connection, however many rows there are.
// SQLite is fast with what is written into the text, and has no arrays.
//
// A statement that has parameters is given them as its connection too.
type parameters struct {
	tx     bun.Tx
	arrays []any
}

var _ bun.IConn = (*parameters)(nil)

func newParameters(tx bun.Tx) *parameters { return &parameters{tx: tx} }

// postgres says that the statement is for PostgreSQL.
func (p *parameters) postgres() bool { return p.tx.Dialect().Name() == dialect.PG }

// in is the SQL that a column is one of a list.
func (p *parameters) in(list any) schema.QueryAppender {
	if p.postgres() {
		values := reflect.ValueOf(list)
		return bun.SafeQuery("= ANY (?)", p.bind(values.Type().Elem(), values.Len(), values.Index))
	}
	return bun.SafeQuery("IN (?)", bun.List(list))
}

// values is a query for the columns of rows, to be a WITH of the statement.
func values[T any](p *parameters, rows []T, columns ...string) bun.Query {
	if !p.postgres() {
		return p.tx.NewValues(&rows).Column(columns...)
	}
	table := p.tx.Dialect().Tables().Get(reflect.TypeFor[T]())
	arrays, names := make([]schema.QueryAppender, len(columns)), make([]schema.QueryAppender, len(columns))
	for i, column := range columns {
		field := table.FieldMap[column]
		arrays[i] = p.bind(field.StructField.Type, len(rows), func(row int) reflect.Value {
			return field.Value(reflect.ValueOf(&rows[row]).Elem())
		})
		names[i] = bun.SafeQuery("?", bun.Ident(column))
	}
	return p.tx.NewRaw("SELECT * FROM unnest(?) AS v (?)", bun.List(arrays), bun.List(names))
}

// insert is an INSERT of rows.
func insert[T any](p *parameters, rows []T, columns ...string) *bun.InsertQuery {
	if !p.postgres() {
		return p.tx.NewInsert().Model(&rows).Column(columns...)
	}
	return p.tx.NewInsert().Conn(p).With("come", values(p, rows, columns...)).
		Model((*T)(nil)).Column(columns...).TableExpr("come")
}

// bind adds an array, and returns the SQL that stands for it. The values are those of
// fields, or of a list: they have addresses.
func (p *parameters) bind(kind reflect.Type, count int, value func(int) reflect.Value) schema.QueryAppender {
	a := array{newElement(reflect.New(kind)), count, value}
	p.arrays = append(p.arrays, a)
	return bun.SafeQuery("$?::?[]", len(p.arrays), bun.Safe(a.zero.kind()))
}

// ExecContext implements [bun.IConn].
func (p *parameters) ExecContext(ctx context.Context, statement string, _ ...any) (sql.Result, error) {
	if p.postgres() {
		return p.tx.Tx.ExecContext(ctx, statement, p.bound()...)
	}
	return p.tx.ExecContext(ctx, statement)
}

// QueryContext implements [bun.IConn].
func (p *parameters) QueryContext(ctx context.Context, statement string, _ ...any) (*sql.Rows, error) {
	if p.postgres() {
		return p.tx.Tx.QueryContext(ctx, statement, p.bound()...)
	}
	return p.tx.QueryContext(ctx, statement)
}

// QueryRowContext implements [bun.IConn].
func (p *parameters) QueryRowContext(ctx context.Context, statement string, _ ...any) *sql.Row {
	if p.postgres() {
		return p.tx.Tx.QueryRowContext(ctx, statement, p.bound()...)
	}
	return p.tx.QueryRowContext(ctx, statement)
}

// bound tells pgx to keep the statement, as it does with no other.
func (p *parameters) bound() []any {
	return append([]any{pgx.QueryExecModeCacheStatement}, p.arrays...)
}
