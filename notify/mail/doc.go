// Package mail tells people by mail what happened to VRRP instances, sync groups, virtual
// servers and real servers, in keepalived's words (notification_email, smtp_alert).
//
// Three rules are plain data. Rules says which change is news. Queue gathers news to mails: what
// happens within a second, and what happens while a mail cannot leave, is one mail, and a storm
// that goes on makes at most one mail a minute. Compose writes the message. Deliver is one
// conversation with a server, bounded in time and in what is read of it.
//
// A Mailer owns all of it in a goroutine of its own, and a conversation has another: none of its
// methods that report something blocks. What it has not sent goes to the next program in an
// upgrade, and at a stop to whoever keeps it for the next start.
package mail
