package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	listPath  = "/api/hms/active-connections"
	readyPath = "/readyz"
	// lookTimeout is how long a server may take to say who is online.
	lookTimeout = 30 * time.Second
	// lookEvery is how exact the end of something is seen.
	lookEvery = 10 * time.Millisecond
	// looksApart is how many times longer than a look the pause behind it is.
	looksApart = 4
	// emptyTimeout is how long a server may take to be empty.
	emptyTimeout = 10 * time.Minute
)

// sessions asks the server how many sessions it has, which costs it next to nothing.
func (s *server) sessions(ctx context.Context) (int, error) {
	var said struct {
		Sessions int `json:"sessions"`
	}
	return said.Sessions, s.get(ctx, readyPath, &said)
}

// online asks the server how many users its list has.
func (s *server) online(ctx context.Context) (int, error) {
	var said struct {
		Count int `json:"count"`
	}
	return said.Count, s.get(ctx, listPath, &said)
}

func (s *server) get(ctx context.Context, path string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	request.Header.Set("Authorization", "Token "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	defer response.Body.Close()
	// A server that is not ready says how many sessions it has all the same.
	if response.StatusCode != http.StatusOK && path != readyPath {
		return fmt.Errorf("ask for %s: HTTP %d", path, response.StatusCode)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("ask for %s: %w", path, err)
	}
	return nil
}

// until looks again and again whether something is so.
func until(ctx context.Context, what string, is func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, emptyTimeout)
	defer cancel()
	for {
		began := time.Now()
		ok, err := is()
		if ok || err != nil {
			return err
		}
		// A look at large tables takes long, and holds up what is looked at.
		if pause(ctx, max(lookEvery, looksApart*time.Since(began))) != nil {
			return fmt.Errorf("waited %s in vain for %s", emptyTimeout, what)
		}
	}
}
