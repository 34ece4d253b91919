package persistence

import (
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/rollcall/rollcall"
)

// array is a column of rows as pgx asks for it. It reads the rows where they are, and
// its elements are pointers to them: a copy of each value would go to the heap.
type array struct {
	zero  element
	count int
	value func(int) reflect.Value
}

var _ pgtype.ArrayGetter = array{}

// Dimensions implements [pgtype.ArrayGetter].
func (a array) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(a.count), LowerBound: 1}}
}

// Index implements [pgtype.ArrayGetter].
func (a array) Index(i int) any { return newElement(a.value(i).Addr()) }

// IndexType implements [pgtype.ArrayGetter].
func (a array) IndexType() any { return a.zero }

// element is a value that pgx can write without asking how.
type element interface {
	kind() string // in PostgreSQL
}

type (
	idElement     rollcall.SessionID
	timeElement   time.Time
	textElement   string
	numberElement int64
)

func newElement(pointer reflect.Value) element {
	switch value := pointer.Interface().(type) {
	case *rollcall.SessionID:
		return (*idElement)(value)
	case *time.Time:
		return (*timeElement)(value)
	case *rollcall.Email:
		return (*textElement)(value)
	case *string:
		return (*textElement)(value)
	case *int64:
		return (*numberElement)(value)
	default:
		panic(fmt.Sprintf("no array of %s", pointer.Type().Elem()))
	}
}

func (*idElement) kind() string     { return "uuid" }
func (*timeElement) kind() string   { return "timestamptz" }
func (*textElement) kind() string   { return "varchar" }
func (*numberElement) kind() string { return "bigint" }

// UUIDValue implements [pgtype.UUIDValuer].
func (e *idElement) UUIDValue() (pgtype.UUID, error) { return pgtype.UUID{Bytes: *e, Valid: true}, nil }

// TimestamptzValue implements [pgtype.TimestamptzValuer].
func (e *timeElement) TimestamptzValue() (pgtype.Timestamptz, error) {
	return pgtype.Timestamptz{Time: time.Time(*e), Valid: true}, nil
}

// TextValue implements [pgtype.TextValuer].
func (e *textElement) TextValue() (pgtype.Text, error) {
	return pgtype.Text{String: string(*e), Valid: true}, nil
}

// Int64Value implements [pgtype.Int64Valuer].
func (e *numberElement) Int64Value() (pgtype.Int8, error) {
	return pgtype.Int8{Int64: int64(*e), Valid: true}, nil
}
