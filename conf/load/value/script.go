package value

import (
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// Script reads the command of a keyword, and the user and group that run it.
func (l *Reader) Script(n *syntax.Node) (conf.Script, bool) {
	if n.Broken {
		return conf.Script{}, false // the open quote has been reported
	}
	words, err := syntax.ShellWords(n.Raw, n.RawPos())
	if err != nil {
		l.Warn(n, "unterminated-quote", "%s: %v: the line is ignored", n.Keyword.Text, err)
		return conf.Script{}, false
	}
	if len(words) == 0 || strings.TrimSpace(words[0].Text) == "" {
		l.Warn(n, "empty-command", "%s has no command: the line is ignored", n.Keyword.Text)
		return conf.Script{}, false
	}
	shown := make([]string, len(words)) // what findings may say of each
	for i, w := range words {
		shown[i] = w.Text
	}
	shown = conf.MaskArguments(shown)
	s := conf.Script{Command: words[0].Text}
	if len(words) > 1 {
		s.User = words[1].Text
		const hint = "put the command and its arguments into double quotes"
		switch {
		case !userName(s.User):
			l.WarnAt(words[1].Pos, n.Origin, "script-user",
				"%q is taken as the user that runs %s, and there is no such user: the script is not run", Clip(shown[1]),
				n.Keyword.Text).Hint = hint
			return conf.Script{}, false
		case !words[0].Quoted && s.User != "root":
			l.NoteAt(words[1].Pos, n.Origin, "script-user", "%q is the user that runs %s, not an argument", Clip(shown[1]),
				n.Keyword.Text).Hint = hint
		}
	}
	if len(words) > 2 {
		s.Group = words[2].Text
	}
	if len(words) > 3 {
		l.NoteAt(words[3].Pos, n.Origin, "extra-words",
			"%q and what follows it are ignored: %s takes a command, a user and a group", Clip(shown[3]), n.Keyword.Text)
	}
	if strings.HasPrefix(s.Command, "</dev/tcp/") || strings.HasPrefix(s.Command, "</dev/udp/") {
		// Only bash knows these names; there is no program to run without it.
		s.Argv = []string{"bash", "-c", s.Command}
		return s, true
	}
	s.Argv, err = syntax.CommandArgv(s.Command)
	if err != nil {
		l.Warn(n, "unterminated-quote", "%s: inside of the command: %v: the line is ignored", n.Keyword.Text, err)
		return conf.Script{}, false
	}
	if len(s.Argv) == 0 || s.Argv[0] == "" {
		l.Warn(n, "empty-command", "%s has no command: the line is ignored", n.Keyword.Text)
		return conf.Script{}, false
	}
	if strings.ContainsRune(strings.Join(s.Argv, ""), 0) {
		l.Warn(n, "empty-command", "%s has a NUL byte in its command: the line is ignored", n.Keyword.Text)
		return conf.Script{}, false
	}
	return s, true
}

// User reads USER [GROUP].
func (l *Reader) User(n *syntax.Node) (user, group string, ok bool) {
	if !userName(n.Arg(0)) {
		l.WarnArg(n, 0, "script-user", "%q cannot be the name of a user: the line is ignored", Clip(n.Arg(0)))
		return "", "", false
	}
	return n.Arg(0), n.Arg(1), true
}

// userName tells whether s can be the name of a user: not an address, a path
// or an option, nor one of the words that people hand to notify scripts.
func userName(s string) bool {
	switch s {
	case "master", "backup", "fault", "stop", "start", "up", "down", "MASTER", "BACKUP", "FAULT", "STOP":
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
		if !letter && (i == 0 || c != '-' && c != '.' && c != '$' && (c < '0' || c > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// Vector gives a command that stands behind a keyword as plain words.
func Vector(n *syntax.Node) []string {
	words := make([]string, 0, len(n.Args))
	for _, a := range n.Args {
		words = append(words, a.Text)
	}
	return words
}
