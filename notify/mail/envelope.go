package mail

import (
	"errors"
	"net/smtp"
	"slices"
	"strings"
)

// mailFrom says who sends. Of the server's extensions only SMTPUTF8 is asked for, and only where an
// address needs it: a relay may not hand such a mail to a server without it (RFC 6531),
// and smtp.Client.Mail asks for it always.
func mailFrom(c *smtp.Client, from string, to []string) error {
	if strings.ContainsAny(from, "\r\n") {
		return errors.New("it has a line break")
	}
	command := "MAIL FROM:<%s>"
	if offered, _ := c.Extension("SMTPUTF8"); offered && slices.ContainsFunc(append(slices.Clone(to), from), isOther) {
		command += " SMTPUTF8"
	}
	id, err := c.Text.Cmd(command, from)
	if err != nil {
		return err
	}
	c.Text.StartResponse(id)
	defer c.Text.EndResponse(id)
	_, _, err = c.Text.ReadResponse(250)
	return err
}

// isOther says that it is not ASCII alone.
func isOther(s string) bool { return strings.ContainsFunc(s, func(r rune) bool { return r > 0x7f }) }
