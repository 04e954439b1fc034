//go:build linux

package native_test

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"

	"github.com/lvs-director/director/integration/stage"
)

// hold opens a connection, keeps it until the test ends and returns the first byte that the server says.
func (s *server) hold(port uint16) (first byte) {
	s.t.Helper()
	c, err := net.Dial("tcp", netip.AddrPortFrom(s.addr, port).String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	first, err = bufio.NewReader(c).ReadByte()
	if err != nil {
		s.t.Fatal(err)
	}
	return first
}

// overTLS is a ready conversation over TLS.
func overTLS(name string) string {
	return "QUERY_CHECK {\nconnect_timeout 2\ntls\nquery " + name + "\n}"
}

// TestServersMariaDB: a server, and the same with as many clients as it takes.
func TestServersMariaDB(t *testing.T) {
	t.Parallel()
	s := newServer(t, stage.Unpacked(t, "mariadb-server-core", "usr/sbin/mariadbd"))
	port := s.port()
	s.file("my.cnf", fmt.Sprintf(`[mariadbd]
user=root
bind-address=%v
port=%d
socket=/run/mariadb.sock
pid-file=/run/mariadb.pid
datadir=/run/data
skip-grant-tables
skip-networking=0
max_connections=10
innodb_flush_method=fsync
innodb_buffer_pool_size=8M
innodb_log_file_size=4M
`, s.addr, port))
	s.start("mkdir /run/data; exec mariadbd --defaults-file=/etc/my.cnf")
	mysql := query("mysql")
	s.alive(port, mysql, "mysql: answered as expected")
	s.dead(port, query("pop3"), "pop3: step 1")
	for range 11 { // one more than the limit, which is for an administrator
		s.hold(port)
	}
	s.dead(port, mysql, "Too many connections")
	s.refused(port, mysql)
}

// TestServersLDAP: a server that lets anybody in, one that refuses anonymous users and one that wants TLS.
func TestServersLDAP(t *testing.T) {
	t.Parallel()
	roots := stage.Unpacked(t, "slapd", "usr/sbin/slapd")
	start := func(t *testing.T, words string) (*server, uint16) {
		t.Parallel()
		s := newServer(t, roots)
		port := s.port()
		s.file("slapd.conf", words)
		s.start(fmt.Sprintf("exec slapd -d 0 -f /etc/slapd.conf -h ldap://%v:%d", s.addr, port))
		return s, port
	}
	for name, words := range map[string]string{
		"plain": "", "no anonymous users": "disallow bind_anon\n", "only with TLS": "security tls=128\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, port := start(t, words)
			s.alive(port, query("ldap"), "ldap: answered as expected")
			s.dead(port, overTLS("ldap"), "TLS handshake")
			s.dead(port, query("redis"), "redis: step 2, expect: no answer in 2s")
			s.refused(port, query("ldap"))
		})
	}
}

// TestServersDovecot: mail boxes by IMAP and POP3, with and without TLS.
func TestServersDovecot(t *testing.T) {
	t.Parallel()
	roots := stage.Unpacked(t, "dovecot-core", "usr/sbin/dovecot", "usr/lib/dovecot/auth", "usr/lib/dovecot/config")
	for _, name := range []string{"dovecot-imapd", "dovecot-pop3d"} {
		roots = append(roots, stage.Unpacked(t, name)...)
	}
	if found, _ := filepath.Glob(filepath.Join(roots[0], "usr/lib/dovecot/old-stats")); found == nil {
		t.Skip("SKIP: this configuration is of Dovecot 2.3, which is Debian 12's")
	}
	s := newServer(t, roots)
	ca := newAuthority(t, s, "authority")
	sign(t, s, "mail.example", ca)
	imap, pop3, imaps, pop3s := s.port(), s.port(), s.port(), s.port()
	s.file("dovecot.conf", fmt.Sprintf(`
base_dir = /run/dovecot
state_dir = /run/dovecot-state
log_path = /dev/stderr
protocols = imap pop3
listen = %v
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = mail
mail_location = maildir:/run/mail
ssl = yes
ssl_cert = </etc/mail.example.pem
ssl_key = </etc/mail.example.key
service imap-login {
  chroot =
  inet_listener imap {
    port = %d
  }
  inet_listener imaps {
    port = %d
    ssl = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = %d
  }
  inet_listener pop3s {
    port = %d
    ssl = yes
  }
}
passdb {
  driver = static
  args = nopassword=y
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/run/mail
}
`, s.addr, imap, imaps, pop3, pop3s))
	s.start("exec dovecot -F -c /etc/dovecot.conf")
	s.alive(imap, query("imap"), "imap: answered as expected")
	s.alive(pop3, query("pop3"), "pop3: answered as expected")
	s.alive(imaps, overTLS("imap"), "imap: answered as expected")
	s.alive(pop3s, overTLS("pop3"), "pop3: answered as expected")
	s.alive(imap, `QUERY_CHECK {
steps {
expect "^[*] OK"
send "a STARTTLS\r\n"
expect "a OK"
starttls
send "b LOGIN user any\r\n"
expect "b OK"
send "c LOGOUT\r\n"
}
}`, "query: answered as expected")
	s.dead(imap, query("pop3"), "pop3: step 1, expect: no answer in 2s, after * OK")
	s.dead(pop3, query("imap"), "imap: step 1, expect: no answer in 2s, after +OK")
	s.dead(imaps, query("imap"), "imap: step 1")
	s.dead(imap, overTLS("imap"), "imap: TLS handshake")
	s.refused(imap, query("imap"))
	s.refused(pop3, query("pop3"))
}

// TestServersExim: a mail server that takes mail, one that refuses this client and one that refuses its name.
func TestServersExim(t *testing.T) {
	t.Parallel()
	roots := stage.Unpacked(t, "exim4-daemon-light", "usr/sbin/exim4")
	start := func(t *testing.T, words string) (*server, uint16) {
		t.Parallel()
		s := newServer(t, roots)
		port := s.port()
		s.file("exim.conf", fmt.Sprintf("primary_hostname = mail.example\nlocal_interfaces = %v\ndaemon_smtp_ports = %d\n"+
			"spool_directory = /run/spool\nlog_file_path = /run/spool/%%slog\nexim_user = mail\nexim_group = mail\n"+
			"host_lookup =\nrfc1413_query_timeout = 0s\nkeep_environment =\ntls_advertise_hosts =\n%s", s.addr, port, words))
		s.start("install -d -o mail -g mail /run/spool; exec exim4 -bdf -C /etc/exim.conf")
		return s, port
	}
	const mail = "SMTP_CHECK {\nconnect_timeout 5\nhelo_name director.example\n}"
	const acl = "\nbegin acl\nrefuse:\n  deny message = go away\n"
	t.Run("plain", func(t *testing.T) {
		s, port := start(t, "")
		s.alive(port, mail, "smtp: greeted and answered HELO")
		s.alive(port, "SMTP_CHECK {\n}", "smtp: greeted and answered HELO")
		s.dead(port, query("pop3"), "pop3: step 1")
		s.refused(port, mail)
	})
	t.Run("greeting of two lines", func(t *testing.T) {
		s, port := start(t, `smtp_banner = "mail.example ESMTP\nhello"`)
		s.alive(port, mail, "smtp: greeted and answered HELO")
	})
	t.Run("client refused", func(t *testing.T) {
		s, port := start(t, "acl_smtp_connect = refuse\n"+acl)
		s.dead(port, mail, "smtp: the greeting is 550 go away")
	})
	t.Run("name refused", func(t *testing.T) {
		s, port := start(t, "acl_smtp_helo = refuse\n"+acl)
		s.dead(port, mail, "smtp: the answer to HELO is 550 go away")
	})
	t.Run("busy", func(t *testing.T) {
		s, port := start(t, "smtp_accept_max = 1\n")
		until(t, "the server greets, now that nobody else is connected", func() bool { return s.hold(port) == '2' })
		s.dead(port, mail, "smtp: the greeting is 421 Too many concurrent SMTP connections")
	})
}
