"""What a good engineer would write: FastAPI, Pydantic and asyncpg, one INSERT per reading, executemany for many."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated

import asyncpg
from fastapi import FastAPI
from pydantic import BaseModel, Field

INSERT = """
    INSERT INTO bench_reading (vehicle_id, recorded_at, latitude, longitude, speed_kmh, heading_deg, odometer_km,
                               battery_pct, engine_temp_c, load_pct, status)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING
"""
TABLE = """
    CREATE TABLE IF NOT EXISTS bench_reading (
        vehicle_id text NOT NULL, recorded_at timestamptz NOT NULL, latitude double precision,
        longitude double precision, speed_kmh double precision, heading_deg double precision,
        odometer_km double precision, battery_pct double precision, engine_temp_c double precision,
        load_pct double precision, status text, PRIMARY KEY (vehicle_id, recorded_at))
"""


class Reading(BaseModel):
    vehicle_id: Annotated[str, Field(min_length=1, max_length=64)]
    timestamp: datetime
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    speed_kmh: Annotated[float, Field(ge=0, le=1000)]
    heading_deg: Annotated[float, Field(ge=0, le=360)]
    odometer_km: Annotated[float, Field(ge=0)]
    battery_pct: Annotated[float, Field(ge=0, le=100)]
    engine_temp_c: Annotated[float, Field(ge=-100, le=1000)]
    load_pct: Annotated[float, Field(ge=0, le=1000)]
    status: str

    def row(self) -> tuple:
        return tuple(self.__dict__.values())


class Readings(BaseModel):
    readings: Annotated[list[Reading], Field(min_length=1, max_length=1000)]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.pool = await asyncpg.create_pool(os.environ["BENCH_DSN"], min_size=10, max_size=20)
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.post("/readings", status_code=202)
async def take_one(reading: Reading) -> dict[str, str]:
    await app.state.pool.execute(INSERT, *reading.row())
    return {"status": "STORED"}


@app.post("/batches", status_code=202)
async def take_many(batch: Readings) -> dict[str, str]:
    async with app.state.pool.acquire() as connection:
        await connection.executemany(INSERT, [reading.row() for reading in batch.readings])
    return {"status": "STORED"}
