"""The chips, one file each, typed from their datasheets and never from their drivers.

| file | chip | what it is | in |
|---|---|---|---|
| hx711.py | Avia HX711 | 24-bit converter for a load cell, clocked by edges | scale |
| nau7802.py | Nuvoton NAU7802 | the same, on I2C | scale |
| ad5933.py | Analog Devices AD5933 | impedance converter, I2C | scale |
| ssd1306.py | Solomon Systech SSD1306 | display of 128 by 64 points, I2C | scale |
| mprls.py | Honeywell MPRLS0300YG00001B | pressure sensor, 0..300 mmHg, I2C | cuff |
| sht4x.py | Sensirion SHT40 | temperature and humidity, I2C | babyphone |
| ics43434.py | TDK InvenSense ICS-43434 | digital microphone, I2S | babyphone |
| max98357a.py | Maxim MAX98357A | amplifier of a speaker, I2S | babyphone |

Each has two faces: the bus face that a driver meets, and a world face in units whose range and step it declares.
"""
