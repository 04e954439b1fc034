//go:build linux

package native_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/stage"
)

// query is a QUERY_CHECK with a ready conversation. After an answer that is not what is expected it
// waits for more, for two seconds.
func query(name string) string { return "QUERY_CHECK {\nconnect_timeout 2\nquery " + name + "\n}" }

// TestServersRedis: a server, one that demands a password, one that loads and one without its master.
func TestServersRedis(t *testing.T) {
	t.Parallel()
	roots := stage.Unpacked(t, "redis-tools", "usr/bin/redis-check-rdb")
	redis := query("redis")
	start := func(t *testing.T, options string) (*server, uint16) {
		t.Parallel()
		s := newServer(t, roots)
		// Keys of two kilobytes in the dump's format of version 9; a checksum of 0 is not checked.
		dump := "REDIS0009\xfe\x00"
		for i := range 400 {
			dump += fmt.Sprintf("\x00\x08key%05d\x48\x00%s", i, strings.Repeat("x", 2048))
		}
		s.file("dump.rdb", dump+"\xff"+strings.Repeat("\x00", 8))
		port := s.port()
		s.file("redis.conf", fmt.Sprintf("bind %v\nport %d\ndir /etc\nsave \"\"\n%s", s.addr, port, options))
		// The program is what its name says.
		s.start("ln -s $(command -v redis-check-rdb) /run/redis-server; exec /run/redis-server /etc/redis.conf")
		return s, port
	}
	t.Run("plain", func(t *testing.T) {
		s, port := start(t, "")
		s.alive(port, redis, "redis: answered as expected")
		s.alive(port, "QUERY_CHECK {\nsteps {\nsend \"DBSIZE\\r\\n\"\nexpect \"^:400\\r\\n\"\n}\n}", "answered as expected")
		s.dead(port, query("mysql"), "no answer")
		s.dead(port, "QUERY_CHECK {\nconnect_timeout 2\nquery redis\ntls\n}", "TLS handshake")
		s.refused(port, redis)
	})
	t.Run("password", func(t *testing.T) {
		s, port := start(t, "requirepass secret\n")
		s.alive(port, redis, "answered as expected")
		s.dead(port, "QUERY_CHECK {\nconnect_timeout 2\nsteps {\nsend \"PING\\r\\n\"\nexpect \"^.PONG\"\n}\n}", "NOAUTH")
	})
	t.Run("loading", func(t *testing.T) {
		s, port := start(t, "key-load-delay 100000\nloading-process-events-interval-bytes 1024\n")
		s.dead(port, redis, "-LOADING")
	})
	t.Run("without its master", func(t *testing.T) {
		s, port := start(t, "replicaof 127.77.255.1 1\nreplica-serve-stale-data no\n")
		s.dead(port, redis, "-MASTERDOWN")
	})
}

// TestServersDnsmasq: names that exist, names that do not, and names that are none of the server's business.
func TestServersDnsmasq(t *testing.T) {
	t.Parallel()
	s := newServer(t, stage.Unpacked(t, "dnsmasq-base", "usr/sbin/dnsmasq"))
	port := s.port()
	s.file("dnsmasq.conf", fmt.Sprintf(`
port=%d
listen-address=%v
bind-interfaces
no-resolv
no-hosts
user=root
group=root
keep-in-foreground
log-facility=-
local=/shop.example/
host-record=www.shop.example,192.0.2.80
mx-host=shop.example,mail.shop.example,10
`, port, s.addr))
	s.start("exec dnsmasq --conf-file=/etc/dnsmasq.conf")
	ask := func(kind, name string) string {
		return fmt.Sprintf("DNS_CHECK {\nconnect_timeout 5\ntype %s\nname %s\n}", kind, name)
	}
	s.alive(port, ask("A", "www.shop.example"), "dns www.shop.example. A: answered")
	s.alive(port, ask("A", "WWW.Shop.Example"), "answered")
	s.alive(port, ask("MX", "shop.example"), "dns shop.example. MX: answered")
	s.alive(port, ask("AAAA", "www.shop.example"), "answered") // no such record, and no error
	s.dead(port, ask("A", "nowhere.shop.example"), "dns nowhere.shop.example. A: the answer is NXDOMAIN")
	s.dead(port, ask("A", "www.elsewhere.example"), "the answer is REFUSED")
	s.dead(port, "DNS_CHECK {\n}", "dns . SOA: the answer is REFUSED")
	s.refused(port, ask("A", "www.shop.example"))
}

// TestServersPostgres: a server that refuses the user, one that has too many clients, and one that waits
// for its master.
func TestServersPostgres(t *testing.T) {
	t.Parallel()
	roots := stage.Unpacked(t, stage.Depends(t, "postgresql"), "usr/lib/postgresql/*/bin/postgres",
		"usr/lib/postgresql/*/bin/initdb")
	start := func(t *testing.T, hba, options, before string) (*server, uint16) {
		t.Parallel()
		s := newServer(t, roots)
		port := s.port()
		s.file("pg_hba.conf", hba)
		s.file("postgresql.conf", fmt.Sprintf("listen_addresses = '%v'\nport = %d\nhba_file = '/etc/pg_hba.conf'\n"+
			"unix_socket_directories = ''\nfsync = off\nshared_buffers = 1MB\n%s", s.addr, port, options))
		// PostgreSQL does not run as root.
		s.start(`install -d -o nobody -m 700 /run/data; cd /run
run="setpriv --reuid nobody --regid nogroup --clear-groups"; bin=$(echo /usr/lib/postgresql/*/bin)
$run $bin/initdb --no-sync --no-instructions -A trust -D /run/data; ` + before +
			"\nexec $run $bin/postgres -D /run/data --config-file=/etc/postgresql.conf")
		return s, port
	}
	postgres := query("postgres")
	t.Run("plain", func(t *testing.T) {
		s, port := start(t, "local all all trust\n", "", "")
		s.ready(port, postgres)
		s.alive(port, postgres, "postgres: answered as expected") // no line of pg_hba.conf is for it: 28000
		s.dead(port, query("redis"), "redis: step 2")
		s.refused(port, postgres)
	})
	t.Run("no such user", func(t *testing.T) {
		s, port := start(t, "host all all all trust\n", "", "")
		s.ready(port, postgres)
		s.alive(port, postgres, "answered as expected")
	})
	t.Run("full", func(t *testing.T) {
		s, port := start(t, "host all all all scram-sha-256\n",
			"max_connections = 3\nsuperuser_reserved_connections = 0\nmax_wal_senders = 0\n", "")
		s.ready(port, postgres)
		s.alive(port, postgres, "answered as expected") // it asks for a password
		for range 3 {
			c, err := net.Dial("tcp", netip.AddrPortFrom(s.addr, port).String())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte("\x00\x00\x00\x15\x00\x03\x00\x00user\x00nobody\x00\x00")); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		s.dead(port, postgres, "too many clients")
	})
	t.Run("waits for its master", func(t *testing.T) {
		s, port := start(t, "local all all trust\n", "hot_standby = off\nrestore_command = 'false'\n",
			"touch /run/data/standby.signal")
		s.dead(port, postgres, "C57P03")
	})
}
