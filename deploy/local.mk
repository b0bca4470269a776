# Configurations of other programs around the server; make check-beyond and make check-deploy run them as they are.
EXTRA_DIST += %D%/haproxy/echo-server.conf %D%/haproxy/haproxy.cfg %D%/nginx/nginx.conf
EXTRA_DIST += %D%/grafana/README.md %D%/grafana/echo-server.json
EXTRA_DIST += %D%/prometheus/README.md %D%/prometheus/prometheus.yml %D%/prometheus/rules.yml %D%/prometheus/rules-test.yml
