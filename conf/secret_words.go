package conf

import (
	"path"
	"regexp"
	"strings"
)

// MaskURL hides what of a URL, or of the path of one, may be a secret: the user with his password,
// and the query.
func MaskURL(s string) string {
	s, query, asks := strings.Cut(s, "?")
	if at := strings.Index(s, "//"); at >= 0 {
		host, _, _ := strings.Cut(s[at+2:], "/")
		if user := strings.LastIndexByte(host, '@'); user >= 0 {
			s = s[:at+2] + Mask + s[at+2+user:]
		}
	}
	if query != "" {
		query = Mask
	}
	if asks {
		return s + "?" + query
	}
	return s
}

// MaskArguments hides what of the arguments behind a program looks like a secret: a value that
// something named like one announces ("--password X", "token=X", "X-Auth-Key: X"), the password in
// "-u USER:PASSWORD", the short options of well-known clients that take one (sshpass -p), and what
// MaskURL hides. An argument that nothing announces is shown: it cannot be told from any other.
func MaskArguments(argv []string) []string {
	var m masker
	masked := make([]string, len(argv))
	for i, a := range argv {
		if strings.ContainsAny(a, " \t\n") && !m.hides(a) {
			masked[i] = phrase(a)
			m.next, m.account = false, false
		} else {
			masked[i] = m.word(a)
		}
	}
	return masked
}

// MaskCommand is MaskArguments for a command in one text, as a configuration has it.
func MaskCommand(text string) string { return new(masker).text(text) }

// header is a line of the form "Name: value".
var header = regexp.MustCompile(`(?s)^(\s*([A-Za-z0-9_-]+):\s*)(.*)$`)

// phrase masks one argument of several words: a header whose name announces a secret has nothing else in
// it, and anything else is a command, such as the script behind sh -c.
func phrase(w string) string {
	m := header.FindStringSubmatch(w)
	if m == nil || m[3] == "" || !announces(m[2]) {
		return MaskCommand(w)
	}
	if scheme, rest, found := strings.Cut(m[3], " "); found && rest != "" && isScheme(scheme) {
		return m[1] + scheme + " " + Mask
	}
	return m[1] + Mask
}

// commandWord is a word of a command, with its quotes. A quote that nothing ends goes on to the end.
var commandWord = regexp.MustCompile(`(?s)(?:[^\s"']|"[^"]*(?:"|$)|'[^']*(?:'|$))+`)

// masker goes through the words of a command.
type masker struct {
	program string // the base name of the last word that is no option
	// next says that the next word is a secret, account that it is USER:PASSWORD.
	next, account bool
}

// hides says whether the next word is a secret, however it looks.
func (m *masker) hides(word string) bool { return m.next && !isScheme(word) }

func (m *masker) text(s string) string {
	if strings.ContainsRune(s, 0) {
		return Mask
	}
	return commandWord.ReplaceAllStringFunc(s, func(w string) string {
		quote := ""
		if len(w) > 1 && (w[0] == '"' || w[0] == '\'') && strings.IndexByte(w[1:], w[0]) == len(w)-2 {
			quote, w = w[:1], w[1:len(w)-1]
		}
		if quote != "" && strings.ContainsAny(w, " \t\n") && !m.hides(w) {
			m.next, m.account = false, false
			return quote + phrase(w) + quote
		}
		return quote + m.word(w) + quote
	})
}

// word masks one word by those before it.
func (m *masker) word(w string) string {
	next, account := m.next, m.account
	m.next, m.account = false, false
	switch {
	case next && isScheme(w): // of "Authorization: Bearer X"
		m.next = true
		return w
	case next:
		m.next = strings.HasPrefix(w, "-") && announces(w) // "--password --token X" has lost its first value
		return Mask
	case account && !strings.HasPrefix(w, "-") && strings.ContainsAny(w, ":%"):
		return maskAccount(w)
	}
	name, sign := "", strings.IndexAny(w, "=:")
	if sign > 0 {
		name = w[:sign]
	}
	switch value := w[sign+1:]; {
	case sign > 0 && announces(name):
		words := strings.Fields(value)
		if len(words) == 0 {
			m.next = true
			return w
		}
		if isScheme(words[0]) {
			m.next = len(words) == 1
			return w[:sign+1] + words[0] + strings.Repeat(" "+Mask, min(1, len(words)-1))
		}
		return w[:sign+1] + Mask
	case isScheme(w), sign < 0 && (strings.HasPrefix(w, "-") && announces(w) || bareNames[strings.ToLower(w)]):
		m.next = true
		return w
	case w == "-u" || w == "-U" || w == "--user" || w == "--proxy-user":
		m.account = true
		return w
	case sign > 0 && (strings.HasPrefix(w, "-u") || strings.HasPrefix(w, "-U") || name == "--user"):
		return maskAccount(w)
	case len(w) > 1 && w[0] == '-':
		if o := m.option(w); o != w {
			return o
		}
		return MaskURL(w)
	case strings.Contains(w, "//"), strings.Contains(w, "?"):
		return MaskURL(w)
	}
	if m.program = path.Base(w); !knownClient(m.program) {
		m.program = ""
	}
	return w
}

// option masks what a well-known client takes as a password: "-pX" or "-p X".
func (m *masker) option(w string) string {
	if m.program == "" || w[1] == '-' || !strings.Contains(clients[clientOf(m.program)], w[1:2]) {
		return w
	}
	if len(w) == 2 {
		m.next = !strings.HasPrefix(m.program, "mysql") && !strings.HasPrefix(m.program, "mariadb")
		return w
	}
	return w[:2] + Mask
}

// clients are programs, by the beginning of their names, and their short options that take a
// password.
var clients = map[string]string{
	"mysql": "p", "mariadb": "p", "sshpass": "p", "redis-cli": "a", "valkey-cli": "a", "ldap": "w", "snmp": "cAX",
	"ipmitool": "P", "mongo": "p", "rabbitmqadmin": "p", "check_snmp": "C", "check_mysql": "p", "check_pgsql": "p",
	"check_http": "a", "check_ldap": "P",
}

func clientOf(program string) (found string) {
	for name := range clients {
		if strings.HasPrefix(program, name) {
			return name
		}
	}
	return ""
}

func knownClient(program string) bool { return clientOf(program) != "" }

// bareNames are words that announce a secret without being an option.
var bareNames = map[string]bool{"password": true, "passwd": true, "passphrase": true, "secret": true, "token": true,
	"requirepass": true, "auth": true}

// secretNames are in the names of what is a secret.
var secretNames = []string{"pass", "pwd", "secret", "token", "key", "auth", "cred", "community", "psk", "cookie"}

// announces says whether a value with that name is a secret.
func announces(name string) bool {
	name = strings.ToLower(name)
	if strings.HasSuffix(name, "file") {
		return false
	}
	for _, s := range secretNames {
		if strings.Contains(name, s) {
			return true
		}
	}
	return false
}

// isScheme says whether a word names how somebody authenticates, before what he shows (RFC 9110, section 11).
func isScheme(w string) bool {
	switch strings.ToLower(w) {
	case "bearer", "basic":
		return true
	}
	return false
}

// maskAccount leaves the user of USER:PASSWORD or USER%PASSWORD.
func maskAccount(w string) string {
	if at := strings.IndexAny(w, ":%"); at >= 0 {
		return w[:at+1] + Mask
	}
	return w
}
