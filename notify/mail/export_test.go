package mail

import "log/slog"

// NewWith is a mailer that gives its mails to d, on a host whose name has no domain.
func NewWith(log *slog.Logger, d deliver) *Mailer {
	return newMailer(log, d, func(name string) string { return name })
}

// NewOn is a mailer on a host whose name is completed so.
var NewOn = newMailer

// HostName completes the name of a host.
var HostName = hostName
