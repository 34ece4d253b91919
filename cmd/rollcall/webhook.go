package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/transport/webhook"
)

// checkWebhook wants a URL and a secret, or neither. Its errors show nothing of the
// secret.
func checkWebhook(to *url.URL, secret string) error {
	switch {
	case to == nil && secret == "":
		return nil
	case to == nil:
		return errors.New("--webhook-secret needs --webhook-url")
	case (to.Scheme != "http" && to.Scheme != "https") || to.Hostname() == "":
		return errors.New("--webhook-url must be http://… or https://…")
	case secret == "":
		return errors.New("--webhook-url needs ROLLCALL_WEBHOOK_SECRET, to sign what is posted")
	}
	if _, err := webhook.ParseSecrets(secret); err != nil {
		return fmt.Errorf("--webhook-secret: %w", err)
	}
	return nil
}

// post begins to post who joins and leaves, if that is asked for, until the context
// ends or it is stopped, which waits for its last words.
func (s *settings) post(ctx context.Context, outbox rollcall.Outbox, log *slog.Logger) (stop func(), err error) {
	if s.WebhookURL == nil {
		return func() {}, nil
	}
	secrets, err := webhook.ParseSecrets(s.WebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("--webhook-secret: %w", err)
	}
	poster := webhook.New(webhook.Config{Outbox: outbox, URL: s.WebhookURL, Secrets: secrets, Logger: log})
	log.Info("posting who joins and leaves", "host", s.WebhookURL.Host)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		poster.Run(ctx)
		close(done)
	}()
	return func() {
		cancel()
		<-done
	}, nil
}
