package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// slowStatement is how long each statement that writes takes in a slow database.
const slowStatement = 2 * time.Second

// The statements wait for as long as a row says. To change it takes no lock that
// they could meet, and the next statement of each connection reads it.
const slownessTable = `
	CREATE TABLE slowness (seconds float8 NOT NULL);
	INSERT INTO slowness VALUES (0);
	CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_sleep(seconds) FROM slowness WHERE seconds > 0;
		RETURN NULL;
	END $$;`

// slownessTrigger is for each table.
const slownessTrigger = `
	CREATE TRIGGER slowness BEFORE INSERT OR UPDATE OR DELETE ON TABLE
	FOR EACH STATEMENT EXECUTE FUNCTION wait();`

// prepareSlowness makes a database one that can be slow, when it has its tables.
func (d *database) prepareSlowness(ctx context.Context) error {
	var statements strings.Builder
	statements.WriteString(slownessTable)
	for _, table := range tables {
		statements.WriteString(strings.Replace(slownessTrigger, "TABLE", table, 1))
	}
	return execute(ctx, d.url, statements.String())
}

// slow lets every statement that writes take its time for a while.
func (d *database) slow(ctx context.Context, lasts time.Duration) error {
	if err := execute(ctx, d.url, fmt.Sprintf("UPDATE slowness SET seconds = %g", slowStatement.Seconds())); err != nil {
		return err
	}
	rest(ctx, lasts)
	return execute(context.WithoutCancel(ctx), d.url, "UPDATE slowness SET seconds = 0")
}
