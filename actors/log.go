package actors

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// onlyErrors lets the actor library's errors through and nothing else: its
// notes on every recovery and dead letter repeat what supervision logs.
type onlyErrors struct{ slog.Handler }

// Enabled implements [slog.Handler].
func (h onlyErrors) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelError && h.Handler.Enabled(ctx, l)
}

// messageName is the type of a message, without its package.
func messageName(message any) string {
	name := fmt.Sprintf("%T", message)
	return name[strings.LastIndexByte(name, '.')+1:]
}
