#include "shapes.h"

#include <math.h>

double area(double width, double height)
{
    return width * height;
}

double circle(double radius)
{
    return M_PI * pow(radius, 2.0);
}
