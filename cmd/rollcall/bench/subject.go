package bench

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Subject is what was measured, besides this program.
type Subject struct {
	Database string   `json:"database,omitempty"` // its kind; of a server elsewhere it is not known
	With     []string `json:"with,omitempty"`     // the flags of the server, without its secrets
	Server   string   `json:"server,omitempty"`   // where it runs, if it was not started
}

// subject is that of a configuration.
func (c Config) subject() Subject {
	switch {
	case c.Server != nil:
		return Subject{Server: c.Server.Scheme + "://" + c.Server.Host}
	case strings.HasPrefix(c.Database, "postgres"):
		return Subject{Database: "PostgreSQL", With: withoutSecrets(c.Flags)}
	}
	return Subject{Database: "SQLite", With: withoutSecrets(c.Flags)}
}

// withoutSecrets has "…" for the values of flags that may hold a secret: a report is
// shown to others.
func withoutSecrets(flags []string) []string {
	var shown []string
	hide := false // the value is behind its flag
	for _, flag := range flags {
		name, _, joined := strings.Cut(flag, "=")
		secret := strings.HasPrefix(name, "--webhook-")
		switch {
		case hide:
			flag = "…"
		case secret && joined:
			flag = name + "=…"
		}
		hide = secret && !joined
		shown = append(shown, flag)
	}
	return shown
}

// line is the subject for people.
func (s Subject) line() string {
	if s.Server != "" {
		return "a server that runs: " + s.Server
	}
	return strings.Join(append([]string{"on " + s.Database}, s.With...), " ")
}

// settings are those of a scenario, as they are shown.
type settings struct{ scenario any }

// MarshalJSON writes times as on the command line, "2s": a bare number says no unit.
func (s settings) MarshalJSON() ([]byte, error) {
	fields := make(map[string]any)
	for field, value := range reflect.Indirect(reflect.ValueOf(s.scenario)).Fields() {
		if d, ok := reflect.TypeAssert[time.Duration](value); ok {
			fields[field.Name] = d.String()
			continue
		}
		fields[field.Name] = value.Interface()
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("write the settings: %w", err)
	}
	return text, nil
}

// String is the settings on one line.
func (s settings) String() string { return strings.Trim(fmt.Sprintf("%+v", s.scenario), "&{}") }
