#ifndef SHAPES_H
#define SHAPES_H

#define SIDES 4

double area(double width, double height);
double circle(double radius);

#endif
