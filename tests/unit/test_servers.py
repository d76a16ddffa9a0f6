import psycopg
import redis

from tests.servers import Server


def test_redis_comes_back_on_its_port_after_a_crash(redis_server: Server, redis_url: str) -> None:
    """A killed Redis serves the same URL again after `start`."""
    redis_server.kill()
    redis_server.start()
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_postgres_keeps_its_data_over_a_crash(postgres_server: Server, postgres_dsn: str) -> None:
    """A killed PostgreSQL serves the same DSN again after `start`, with what was committed."""
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with psycopg.connect(postgres_dsn):
        postgres_server.kill()
    postgres_server.start()
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
