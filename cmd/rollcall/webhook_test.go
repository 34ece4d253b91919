package main

import (
	"net/url"
	"strings"
	"testing"
)

// A server that would post unsigned, or nowhere, must not start; and what is wrong
// must be said without the secret.
func TestWebhookNeedsAnAddressAndASecret(t *testing.T) {
	for _, c := range []struct {
		url, secret string
		fine        bool
	}{
		{fine: true},
		{url: "https://example.com/hook?token=x", secret: webhookSecret, fine: true},
		{url: "http://127.0.0.1:9000", secret: webhookSecret + " " + webhookSecret, fine: true},
		{url: "https://example.com"},
		{secret: webhookSecret},
		{url: "https://example.com", secret: "hunter2"},
		{url: "ftp://example.com", secret: webhookSecret},
		{url: "https://", secret: webhookSecret},
		{url: "example.com", secret: webhookSecret},
	} {
		var to *url.URL
		if c.url != "" {
			var err error
			if to, err = url.Parse(c.url); err != nil {
				t.Fatal(err)
			}
		}
		err := checkWebhook(to, c.secret)
		if (err == nil) != c.fine || err != nil && (strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "--webhook-")) {
			t.Errorf("the URL %q with the secret %q gives the error %v", c.url, c.secret, err)
		}
	}
}
