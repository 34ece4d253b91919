package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// lookEvery is how often each list is looked at: what is wrong for a shorter
	// time may not be seen.
	lookEvery = 200 * time.Millisecond
	// listTimeout is how long a server may take to answer. It is more than a
	// server is frozen.
	listTimeout = 20 * time.Second
	// tableTimeout is how long the tables are waited for; then they are asked
	// again on a new connection. While the database is away nothing is seen.
	tableTimeout = time.Second
)

// tablesQuery reads both tables at one moment, the rows under an empty name.
const tablesQuery = `
	SELECT '', email FROM active_websocket_connections
	UNION ALL
	SELECT n.name, s.email FROM sessions s JOIN nodes n ON n.id = s.node_id`

// observer looks at the lists and writes down what they say.
type observer struct {
	history  *history
	fleet    *fleet
	token    string
	database string // its URL
}

// run looks until the context ends.
func (o *observer) run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { o.watchTables(ctx) })
	wait.Go(func() { o.watchLists(ctx) })
	wait.Wait()
}

// watchLists asks each server, and no server twice at a time.
func (o *observer) watchLists(ctx context.Context) {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	var wait sync.WaitGroup
	defer wait.Wait()
	var busy sync.Map
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		for _, s := range o.fleet.servers() {
			if _, asked := busy.LoadOrStore(s, true); asked {
				continue
			}
			wait.Go(func() {
				defer busy.Delete(s)
				o.ask(ctx, s)
			})
		}
	}
}

// ask asks one server who is online.
func (o *observer) ask(ctx context.Context, s *server) {
	asked := o.history.now()
	emails, err := o.list(ctx, s)
	answered := o.history.now()
	switch {
	case ctx.Err() != nil:
	case err != nil:
		o.history.heardNothing(unanswered{s.name, asked, answered, err.Error()})
	default:
		o.history.saw(observation{source{list, s.name}, asked, answered, o.people(emails)})
	}
}

func (o *observer) list(ctx context.Context, s *server) (emails []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/api/hms/active-connections", nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Token "+o.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", response.Status)
	}
	var answer struct {
		Active []struct{ Email string } `json:"active_connections"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	for _, a := range answer.Active {
		emails = append(emails, a.Email)
	}
	return emails, nil
}

// watchTables reads the tables over a connection that it makes anew when it breaks.
func (o *observer) watchTables(ctx context.Context) {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	var conn *pgx.Conn
	for {
		if conn != nil && conn.IsClosed() {
			conn = nil
		}
		if conn == nil {
			conn = o.connect(ctx)
		}
		if conn != nil && o.readTables(ctx, conn) != nil {
			_ = conn.Close(ctx) // the database is away, or makes us wait
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			if conn != nil {
				_ = conn.Close(context.WithoutCancel(ctx))
			}
			return
		}
	}
}

func (o *observer) connect(ctx context.Context) *pgx.Conn {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, o.database)
	if err != nil {
		return nil // it is tried again
	}
	return conn
}

func (o *observer) readTables(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	asked := o.history.now()
	found, err := conn.Query(ctx, tablesQuery)
	if err != nil {
		return err
	}
	listed := make(map[string][]string)
	for found.Next() {
		var node, address string
		if err := found.Scan(&node, &address); err != nil {
			return err
		}
		listed[node] = append(listed[node], address)
	}
	if err := found.Err(); err != nil {
		return err
	}
	answered := o.history.now()
	seen := []observation{{source{kind: rows}, asked, answered, o.people(listed[""])}}
	for _, node := range o.fleet.nodes() {
		seen = append(seen, observation{source{sessions, node}, asked, answered, o.people(listed[node])})
	}
	o.history.saw(seen...)
	return nil
}

// people reads a list. Who is on it and no user of ours is a surprise.
func (o *observer) people(emails []string) (p people) {
	for _, address := range emails {
		user, ok := number(address)
		if !ok {
			o.history.surprise(fmt.Sprintf("%q is listed, who is nobody", address))
			continue
		}
		p.add(user)
	}
	return p
}
