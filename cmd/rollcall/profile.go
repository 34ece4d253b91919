package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// profileHeadTimeout is how long a request for a profile may take to arrive.
const profileHeadTimeout = 10 * time.Second

// serveProfiles serves Go's profiles on an address of this machine, until the
// function that it returns is called; nowhere without an address. They show what
// is in memory, so that no other machine may ask for them.
func serveProfiles(address string, log *slog.Logger) (stop func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s for profiles: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: profileHeadTimeout}
	log.Info("profiling", "address", l.Addr().String())
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("no more profiles", "error", err)
		}
	}()
	return func() { _ = server.Close() }, nil
}

// checkProfiles refuses an address that is not this machine's own.
func checkProfiles(address string) error {
	if address == "" {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--pprof must be an address of this machine alone, such as 127.0.0.1:6060, but is %q", address)
	}
	return nil
}
