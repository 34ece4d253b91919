//go:build !linux

package transport

import "log/slog"

// CanPark says whether this system has a way to park sockets.
const CanPark = false

func newLot(*slog.Logger) lot { return nil }
