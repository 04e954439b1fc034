// Command grpcserver is a gRPC server with the health service of grpc-go, for the tests of
// GRPC_CHECK. It is a module of its own: director does not depend on grpc-go.
//
//	grpcserver [-bare] ADDRESS:PORT [CERTIFICATE KEY]
//
// The server as a whole and shop.Cart are SERVING, shop.Stock is NOT_SERVING. A bare server has no
// health service.
package main

import (
	"flag"
	"log"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	bare := flag.Bool("bare", false, "without a health service")
	flag.Parse()
	var options []grpc.ServerOption
	if flag.NArg() == 3 {
		c, err := credentials.NewServerTLSFromFile(flag.Arg(1), flag.Arg(2))
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(c))
	}
	l, err := net.Listen("tcp", flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	states := health.NewServer()
	states.SetServingStatus("shop.Cart", grpc_health_v1.HealthCheckResponse_SERVING)
	states.SetServingStatus("shop.Stock", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	server := grpc.NewServer(options...)
	if !*bare {
		grpc_health_v1.RegisterHealthServer(server, states)
	}
	log.Fatal(server.Serve(l))
}
